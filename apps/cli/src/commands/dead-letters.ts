import type { Command } from "commander";
import { segment } from "../api/api.ts";
import { ProblemError } from "../api/problem.ts";
import { CliError, usageError } from "../cli-error.ts";
import type { Column } from "../output/output.ts";
import { createProgressBar } from "../output/progress-bar.ts";
import type { Terminal } from "../terminal.ts";
import { showDelivery } from "./deliveries.ts";
import { addListOptions, type FilterName, listAll, showList } from "./listing.ts";
import { onApi, onApiFor } from "./session.ts";

const columns: readonly Column[] = [
  ["DELIVERY", "id"],
  ["RECIPIENT", "recipient"],
  ["STATUS", "lastStatus"],
  ["REASON", "lastReason"],
  ["ENDED", "endedAt"],
];
const filters: readonly FilterName[] = ["recipient", "account", "batch", "tag", "after", "before"];

export function addDeadLetters(program: Command, terminal: Terminal): void {
  const deadLetters = program.command("dead-letters").description("find, show and resend what was given up");

  addListOptions(deadLetters.command("list").description("list dead letters, newest first"), filters).action(
    onApi(terminal, (session, options) => showList(session, "/v1/dead-letters", columns, filters, options)),
  );

  deadLetters
    .command("show <delivery>")
    .description("show a dead letter and every attempt")
    .action(onApiFor(terminal, showDelivery));

  const resend = deadLetters
    .command("resend [deliveries...]")
    .description("send dead letters again, each as a new delivery; the old ones stay on record")
    .option("--all", "all that the filters leave");
  for (const [flags, meaning] of [
    ["--recipient <address>", "with --all: only for this recipient"],
    ["--account <id>", "with --all: only of this account"],
    ["--batch <batch>", "with --all: only of this batch"],
  ] as const) {
    resend.option(flags, meaning);
  }
  resend.action(
    onApiFor<string[]>(terminal, async (session, ids, { all, recipient, account, batch }) => {
      const isNamed = ids.length > 0;
      if (isNamed === (all === true)) throw usageError("Name the dead letters, or give --all.");
      const query = { recipient, account, batch } as Record<string, string | undefined>;
      const wanted = all ? (await listAll(session, "/v1/dead-letters", query)).map(({ id }) => String(id)) : ids;
      const { resent, refused } = await resendEach(session, wanted);
      session.out.done(`${resent.length} of ${wanted.length} sent again.`, { resent, refused });
      for (const { id, why } of refused) session.out.hint(`${id}: ${why}`);
      if (refused.length > 0) throw new CliError(`${refused.length} could not be sent again.`);
    }),
  );
}

async function resendEach({ api, terminal }: Parameters<typeof showDelivery>[0], ids: readonly string[]) {
  const resent: unknown[] = [];
  const refused: { id: string; code: string; why: string }[] = [];
  const bar = createProgressBar(terminal, "Resending");
  for (const [i, id] of ids.entries()) {
    bar.update(i, ids.length);
    try {
      resent.push(await api.call("POST", `/v1/deliveries/${segment(id)}/resend`));
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.status >= 500) throw error;
      refused.push({ id, code: error.problem.code ?? "", why: error.message });
    }
  }
  bar.update(ids.length, ids.length);
  bar.end();
  return { resent, refused };
}
