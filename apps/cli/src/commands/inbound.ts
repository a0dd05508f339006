import type { Command } from "commander";
import { segment } from "../api/api.ts";
import { CliError, usageError } from "../cli-error.ts";
import type { Column, Row } from "../output/output.ts";
import type { Terminal } from "../terminal.ts";
import { addRequeue } from "./inbound-requeue.ts";
import { readInput } from "./json-file.ts";
import { addListOptions, type FilterName, showList } from "./listing.ts";
import { onApi, onApiFor } from "./session.ts";

const filters: readonly FilterName[] = ["mailbox", "state", "reason", "from", "after", "before"];

const columns: readonly Column[] = [
  ["INBOUND", "id"],
  ["MAILBOX", "mailbox"],
  ["FROM", "from"],
  ["SUBJECT", "subject"],
  ["STATE", "state"],
  ["REASON", "reason"],
  ["RECEIVED", "receivedAt"],
];

const actionColumns: readonly Column[] = [
  ["IN THE MAILBOX", "kind"],
  ["DONE", "doneAt"],
  ["TROUBLE", "trouble"],
];

export function addInbound(program: Command, terminal: Terminal): void {
  const inbound = program.command("inbound").description("what came in, what became of it, and decisions about it");
  const path = (id: string, verb = "") => `/v1/inbound/${segment(id)}${verb}`;

  addListOptions(inbound.command("list").description("list what came in, newest first"), filters).action(
    onApi(terminal, (session, options) => showList(session, "/v1/inbound", columns, filters, options)),
  );

  inbound
    .command("show <inbound>")
    .description("tell a message's whole story, from its arrival to its answer's delivery")
    .action(
      onApiFor(terminal, async ({ api, out }, id) => {
        const { actions, ...story } = await api.call("GET", path(id));
        out.record(Object.entries(story), { ...story, actions });
        if (Array.isArray(actions)) out.more(actionColumns, actions as Row[]);
      }),
    );

  addRequeue(inbound, terminal);

  inbound
    .command("approve <inbound>")
    .description("send the draft that waits, as it is or with another text")
    .option("--subject <subject>", "instead of the draft's")
    .option("--text-file <file>", 'text instead of the draft\'s, "-" for stdin')
    .action(
      onApiFor(terminal, async ({ api, out }, id, { subject, textFile }) => {
        const text = textFile === undefined ? undefined : (await readInput(terminal, textFile as string)).toString();
        if (text?.trim() === "")
          throw new CliError(`${textFile} is blank; without --text-file the draft goes as it is.`);
        if ((subject as string | undefined)?.trim() === "")
          throw usageError("--subject is blank; without it the draft keeps its own.");
        const body = { ...(subject === undefined ? {} : { subject }), ...(text === undefined ? {} : { text }) };
        out.done(`${id} is approved.`, await api.call("POST", path(id, "/approve"), { body }));
      }),
    );

  inbound
    .command("reject <inbound>")
    .description("do not send the draft that waits")
    .option("--note <note>", "why")
    .action(
      onApiFor(terminal, async ({ api, out }, id, { note }) => {
        const body = note === undefined ? {} : { note };
        out.done(`${id} is rejected.`, await api.call("POST", path(id, "/reject"), { body }));
      }),
    );
}
