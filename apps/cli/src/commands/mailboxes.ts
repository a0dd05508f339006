import { type Command, Option } from "commander";
import { segment } from "../api/api.ts";
import { CliError } from "../cli-error.ts";
import type { Column, Row } from "../output/output.ts";
import type { Terminal } from "../terminal.ts";
import { readInput, readJsonFile } from "./json-file.ts";
import { addListOptions, showList } from "./listing.ts";
import { onApi, onApiFor } from "./session.ts";

const columns: readonly Column[] = [
  ["MAILBOX", "id"],
  ["HOST", ({ host, port }) => (host ? `${host}:${port}` : "")],
  ["ROLE", "role"],
  ["STATE", "state"],
  ["FOLLOWED BY", "following"],
  ["COMPLETE UP TO", ({ completeUpTo }) => (completeUpTo as { at?: string } | null)?.at],
  ["WAITING", "waiting"],
  ["REASON", whyNot],
];

/** What keeps it from being followed, and from being answered. */
function whyNot({ reason, stoppedBy }: Row): string {
  const stopped = typeof stoppedBy === "string" ? `answering stopped (${stoppedBy})` : "";
  return [reason, stopped].filter(Boolean).join(", ");
}

export function addMailboxes(program: Command, terminal: Terminal): void {
  const mailboxes = program.command("mailboxes").description("set, show, probe and remove watched mailboxes");
  const path = (id: string, verb = "") => `/v1/mailboxes/${segment(id)}${verb}`;

  addListOptions(mailboxes.command("list").description("list mailboxes")).action(
    onApi(terminal, (session, options) => showList(session, "/v1/mailboxes", columns, [], options)),
  );

  mailboxes
    .command("show <mailbox>")
    .description("show a mailbox, without its secrets, and up to where it is complete")
    .action(
      onApiFor(terminal, async ({ api, out }, id) => {
        const mailbox = await api.call("GET", path(id));
        out.record(Object.entries(mailbox), mailbox);
      }),
    );

  mailboxes
    .command("put <mailbox>")
    .description("make a mailbox, or replace its settings; a secret that is left out is kept for the same server")
    .requiredOption("--file <file>", 'JSON with all its settings, "-" for stdin')
    .action(
      onApiFor(terminal, async ({ api, out }, id, { file }) => {
        const mailbox = await api.call("PUT", path(id), { body: await readJsonFile(terminal, file as string) });
        out.done(`Mailbox ${id} is set. Try it: mailfleet mailboxes verify ${id}`, mailbox);
      }),
    );

  mailboxes
    .command("verify <mailbox>")
    .description("log in, and see what the server can do")
    .action(
      onApiFor(terminal, async ({ api, out }, id) => {
        const report = await api.call("POST", path(id, "/verify"));
        out.record(Object.entries(report), report);
        if (report.ok !== true) throw new CliError(`Mailbox ${id} cannot be followed as it is.`);
      }),
    );

  mailboxes
    .command("try <mailbox>")
    .description("say what would become of a message, without sending anything")
    .requiredOption("--file <file>", 'the message (.eml), "-" for stdin')
    .action(
      onApiFor(terminal, async ({ api, out }, id, { file }) => {
        const content = (await readInput(terminal, file as string)).toString("base64");
        const trial = await api.call("POST", path(id, "/try"), { body: { content } });
        out.record(Object.entries(trial), trial);
      }),
    );

  mailboxes
    .command("backfill <mailbox>")
    .description("look through a window of the past")
    .requiredOption("--since <time>", "from when on (RFC 3339)")
    .option("--until <time>", "up to when; now where it is absent")
    .action(
      onApiFor(terminal, async ({ api, out }, id, { since, until }) => {
        const body = { since, ...(until === undefined ? {} : { until }) };
        out.done(`Mailbox ${id} is looked through.`, await api.call("POST", path(id, "/backfill"), { body }));
      }),
    );

  mailboxes
    .command("resume <mailbox>")
    .description("go on with a mailbox that is paused")
    .addOption(
      new Option("--unknown <what>", "what becomes of messages that it does not know")
        .choices(["answer", "skip"])
        .makeOptionMandatory(),
    )
    .action(
      onApiFor(terminal, async ({ api, out }, id, { unknown }) => {
        out.done(`Mailbox ${id} goes on.`, await api.call("POST", path(id, "/resume"), { body: { unknown } }));
      }),
    );

  for (const [verb, description, done] of [
    ["stop-answering", "the kill switch: nothing of this mailbox is answered any more", "is not answered any more"],
    ["start-answering", "answer again, and first what has waited", "is answered again"],
  ] as const) {
    mailboxes
      .command(`${verb} <mailbox>`)
      .description(description)
      .action(
        onApiFor(terminal, async ({ api, out }, id) => {
          out.done(`Mailbox ${id} ${done}.`, await api.call("POST", path(id, `/${verb}`)));
        }),
      );
  }

  mailboxes
    .command("delete <mailbox>")
    .description("stop following a mailbox, and forget it; its mail stays where it is")
    .action(
      onApiFor(terminal, async ({ api, out }, id) => {
        out.done(`Mailbox ${id} is removed.`, await api.call("DELETE", path(id)));
      }),
    );
}
