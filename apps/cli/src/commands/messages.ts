import type { Command } from "commander";
import { type Json, segment } from "../api/api.ts";
import type { Column, Row } from "../output/output.ts";
import type { Terminal } from "../terminal.ts";
import { addListOptions, type FilterName, showList } from "./listing.ts";
import { onApi, onApiFor } from "./session.ts";

const columns: readonly Column[] = [
  ["MESSAGE", "id"],
  ["STATE", "state"],
  ["SUBJECT", "subject"],
  ["FROM", "from"],
  ["ACCEPTED", "acceptedAt"],
];
const filters: readonly FilterName[] = ["state", "recipient", "account", "batch", "tag", "after", "before"];

export const deliveryColumns: readonly Column[] = [
  ["DELIVERY", "id"],
  ["RECIPIENT", "recipient"],
  ["STATE", ({ state, heldReason }) => (heldReason ? `${state} (${heldReason})` : state)],
  ["ATTEMPTS", "attemptCount"],
  ["NEXT", "nextAttemptAt"],
  ["REASON", "lastReason"],
];

export function addMessages(program: Command, terminal: Terminal): void {
  const messages = program.command("messages").description("find, show and cancel messages");

  addListOptions(messages.command("list").description("list messages, newest first"), filters).action(
    onApi(terminal, (session, options) => showList(session, "/v1/messages", columns, filters, options)),
  );

  messages
    .command("show <message>")
    .description("show a message and its deliveries")
    .action(
      onApiFor(terminal, async ({ api, out }, id) => {
        const message = await api.call("GET", `/v1/messages/${segment(id)}`);
        const { deliveries, ...fields } = message;
        out.record(Object.entries(fields), message);
        if (Array.isArray(deliveries)) out.more(deliveryColumns, deliveries as Row[]);
      }),
    );

  messages
    .command("cancel <message>")
    .description("stop what is not sent yet; each delivery says what became of it")
    .action(
      onApiFor(terminal, async ({ api, out }, id) => {
        const answer = await api.call("DELETE", `/v1/messages/${segment(id)}`);
        out.table(cancelColumns, deliveriesOf(answer), answer);
      }),
    );
}

const cancelColumns: readonly Column[] = [
  ["DELIVERY", "id"],
  ["RECIPIENT", "recipient"],
  ["RESULT", ({ result, state }) => result ?? state],
];

export const deliveriesOf = (message: Json): readonly Row[] =>
  Array.isArray(message.deliveries) ? (message.deliveries as Row[]) : [];
