import type { Command } from "commander";
import { segment } from "../api/api.ts";
import { usageError } from "../cli-error.ts";
import type { Terminal } from "../terminal.ts";
import { type Options, onApiFor, type Session } from "./session.ts";

/** `inbound requeue`: one message by its id, or what ended for one reason. */
export function addRequeue(inbound: Command, terminal: Terminal): void {
  inbound
    .command("requeue [inbound]")
    .description("begin anew with a message that was not answered, or with up to 1000 that ended for one reason")
    .option("--reason <code>", "those that ended so, oldest first")
    .option("--mailbox <id>", "with --reason: only of this mailbox")
    .option("--from <address>", "with --reason: only from this sender")
    .option("--after <time>", "with --reason: only what came after this time (RFC 3339)")
    .option("--before <time>", "with --reason: only what came before this time (RFC 3339)")
    .option("--all", "with --reason: all of them")
    .action(
      onApiFor<string | undefined>(terminal, async (session, id, options) => {
        const { reason, mailbox, from, after, before, all } = options;
        if ((id === undefined) === (reason === undefined)) throw usageError("Name the message, or give --reason.");
        if (id === undefined) return requeueAll(session, { reason, mailbox, from, after, before }, all === true);
        if ([mailbox, from, after, before, all].some((one) => one !== undefined))
          throw usageError("--mailbox, --from, --after, --before and --all go with --reason.");
        session.out.done(`${id} is begun anew.`, await session.api.call("POST", `/v1/inbound/${segment(id)}/requeue`));
      }),
    );
}

/** The cursor goes on, so that what ends for the same reason again meanwhile is not begun anew for ever. */
async function requeueAll({ api, out }: Session, filter: Options, isAll: boolean): Promise<void> {
  const wanted = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
  let requeued = 0;
  let cursor: unknown;
  do {
    const body = { ...wanted, ...(typeof cursor === "string" && { cursor }) };
    const batch = await api.call("POST", "/v1/inbound/requeue", { body });
    requeued += Number(batch.requeued);
    cursor = batch.nextCursor;
  } while (isAll && typeof cursor === "string");
  const more = typeof cursor === "string";
  out.done(`${requeued} are begun anew.`, { requeued, more });
  if (more) out.hint("There are more: --all, or the same again.");
}
