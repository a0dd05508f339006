import { setTimeout as wait } from "node:timers/promises";
import { type DeliveryState, isEnded, parseDuration, priorities } from "@mailfleet/mail";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Json, segment } from "../api/api.ts";
import { CliError } from "../cli-error.ts";
import { createProgressBar } from "../output/progress-bar.ts";
import type { Terminal } from "../terminal.ts";
import { readEml } from "./eml.ts";
import { readInput } from "./json-file.ts";
import { deliveriesOf, deliveryColumns } from "./messages.ts";
import { type Options, onApiFor, type Session } from "./session.ts";

/** How often a waiting command looks; the API answers this from two small tables. */
const lookEveryMs = 500;

export function addSend(program: Command, terminal: Terminal): void {
  program
    .command("send <file>")
    .description('send a message file (.eml), "-" for stdin')
    .option("--to <address...>", "recipients instead of those in its To, Cc and Bcc")
    .option("--from <address>", "sender instead of the one in its From")
    .option("--id <id>", "your id of the message; sent again under it, it is the same message")
    .option("--account <id>", "account to send with (else the tenant's default)")
    .addOption(new Option("--priority <priority>", "among the tenant's mail").choices(priorities))
    .option("--send-at <time>", "not before this time (RFC 3339)")
    .option("--wait", "until every delivery has ended; fails unless all were sent")
    .addOption(
      new Option("--timeout <duration>", "how long to wait at most").argParser(durationMs).default(300_000, "5m"),
    )
    .action(onApiFor(terminal, send));
}

async function send(session: Session, file: string, options: Options): Promise<void> {
  const { api, out, terminal } = session;
  const { fields, left } = await readEml(await readInput(terminal, file), file);
  for (const name of left) out.hint(`${name} of ${file} does not go along.`);

  const accepted = await api.call("POST", "/v1/messages", { body: { ...fields, ...chosen(options) } });
  const message = options.wait ? await waitForEnd(session, accepted, options.timeout as number) : accepted;
  const deliveries = deliveriesOf(message);
  out.record(
    [
      ["Message", message.id],
      ["Message-ID", message.messageId],
      ["State", message.state],
    ],
    message,
  );
  out.more(deliveryColumns, deliveries);
  if (!options.wait) return out.hint(`Follow it: mailfleet messages show ${message.id}`);

  const unsent = deliveries.filter(({ state }) => state !== "sent").length;
  if (unsent > 0) throw new CliError(`${unsent} of ${deliveries.length} deliveries were not sent.`);
}

/** What the command line says about the message; `--to` stands for all recipients of the file. */
function chosen({ to, from, id, account, priority, sendAt }: Options): object {
  return {
    ...(to === undefined ? {} : { to, cc: undefined, bcc: undefined }),
    ...Object.fromEntries(
      Object.entries({ from, id, account, priority, sendAt }).filter(([, value]) => value !== undefined),
    ),
  };
}

async function waitForEnd({ api, out, terminal }: Session, accepted: Json, timeoutMs: number): Promise<Json> {
  const deadline = performance.now() + timeoutMs;
  const bar = createProgressBar(terminal, "Sending");
  try {
    for (;;) {
      const message = await api.call("GET", `/v1/messages/${segment(String(accepted.id))}`);
      const states = deliveriesOf(message).map(({ state }) => state as DeliveryState);
      const ended = states.filter(isEnded).length;
      const retrying = states.filter((state) => state === "retrying").length;
      bar.update(ended, states.length, retrying > 0 ? `${retrying} to be tried again` : "");
      if (ended === states.length) return message;
      if (states.every((state) => isEnded(state) || state === "held")) return message; // Held mail waits for a person.
      if (performance.now() + lookEveryMs > deadline) {
        out.hint(`Not all has ended within ${timeoutMs / 1_000} s; the fleet goes on with it.`);
        return message;
      }
      await wait(lookEveryMs);
    }
  } finally {
    bar.end();
  }
}

function durationMs(text: string): number {
  const parsed = parseDuration(text);
  if (!parsed.ok) throw new InvalidArgumentError(parsed.detail);
  return parsed.ms;
}
