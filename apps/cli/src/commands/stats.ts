import type { Command } from "commander";
import type { Column, Row } from "../output/output.ts";
import type { Terminal } from "../terminal.ts";
import { onApi } from "./session.ts";

const accountColumns: readonly Column[] = [
  ["ACCOUNT", ({ tenantId, id }) => (tenantId ? `${tenantId}/${id}` : id)],
  ["LANES", "lanesInUse"],
  ["BLOCKED UNTIL", "blockedUntil"],
  ["REASON", "reason"],
];

export function addStats(program: Command, terminal: Terminal): void {
  program
    .command("stats")
    .description("show how much mail is in which state, and how accounts do")
    .action(
      onApi(terminal, async ({ api, out }) => {
        const stats = await api.call("GET", "/v1/stats");
        const { deliveries, attempts, oldestDueSeconds, accounts, inbound, mailboxes } = stats;
        out.record(
          [
            ...counts("deliveries", deliveries),
            ...counts("attempts", attempts),
            ...counts("inbound", inbound),
            ...counts("mailboxes", mailboxes),
            ["oldest due", typeof oldestDueSeconds === "number" ? `${Math.round(oldestDueSeconds)} s` : "none"],
          ],
          stats,
        );
        if (Array.isArray(accounts)) out.more(accountColumns, accounts as Row[]);
      }),
    );
}

const counts = (kind: string, byName: unknown): [string, unknown][] =>
  Object.entries((byName ?? {}) as Row).map(([name, n]) => [`${kind} ${name}`, n]);
