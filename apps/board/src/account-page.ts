import { type AccountOverview, countLimit } from "./account-overview.ts";
import { html, type Markup } from "./html.ts";
import { page } from "./page.ts";

/** What a turn on the board links to. */
export function accountPage(overview: AccountOverview): string {
  const { uid, tenant, account, maxConnections, lanesInUse, blockedUntil, waiting } = overview;
  return page(
    `${tenant}/${account}`,
    html`
    <main>
      <p><a href="/queues/">&larr; Queues</a></p>
      <h1>${account}</h1>
      <table>
        ${row("Tenant", tenant)}
        ${row("Account", account)}
        ${row("Number", uid)}
        ${row("Lanes in use", `${lanesInUse} of ${maxConnections}`)}
      </table>
      <h2>Next hop</h2>
      <table>
        ${row("Blocked until", blockedUntil ? blockedUntil.toISOString() : "not blocked")}
        ${row("Failures in a row", overview.failures)}
        ${overview.blockStatus ? row("Last status", overview.blockStatus) : ""}
        ${overview.blockReason ? row("Last reason", overview.blockReason) : ""}
      </table>
      <h2>Deliveries</h2>
      <table>
        ${row("To be sent now", counted(waiting.ready))}
        ${row("In a worker's hands", counted(waiting.inflight))}
        ${row("Waiting for a time", counted(waiting.later))}
        ${row("Held for a decision", counted(waiting.held))}
      </table>
    </main>`,
  );
}

export const noAccountPage = (): string =>
  page(
    "No such account",
    html`<main><p><a href="/queues/">&larr; Queues</a></p><h1>There is no such account</h1><p>It may have been removed since.</p></main>`,
  );

const row = (label: string, value: string | number): Markup =>
  html`<tr><th scope="row">${label}</th><td>${value}</td></tr>`;

const counted = (n: number): string => (n >= countLimit ? `${countLimit} or more` : String(n));
