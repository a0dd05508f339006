import type { Command } from "commander";
import type { Json } from "../api/api.ts";
import type { Terminal } from "../terminal.ts";
import { onApi } from "./session.ts";

/** The kill switches of a tenant and of the fleet; a mailbox's own is `mailboxes stop-answering`. */
export function addAnswering(program: Command, terminal: Terminal): void {
  const answering = program
    .command("answering")
    .description("see and set the kill switch of a tenant (--tenant, or its key), or of the whole fleet");

  answering
    .command("show")
    .description("say whether anything is answered")
    .action(
      onApi(terminal, async ({ api, out }) => {
        const state = await api.call("GET", "/v1/answering");
        out.record(Object.entries(state), state);
      }),
    );

  for (const [verb, description] of [
    ["stop", "answer nothing any more; what waits, waits on"],
    ["start", "answer again, and first what has waited"],
  ] as const) {
    answering
      .command(verb)
      .description(description)
      .action(
        onApi(terminal, async ({ api, out }) => {
          const state = await api.call("POST", `/v1/answering/${verb}`);
          out.done(sentenceOf(state), state);
        }),
      );
  }
}

function sentenceOf({ stoppedBy }: Json): string {
  if (stoppedBy === null) return "Answering goes on.";
  return stoppedBy === "fleet" ? "Nothing of the whole fleet is answered." : "Nothing of the tenant's is answered.";
}
