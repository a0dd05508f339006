import type { Scope } from "@mailfleet/service";
import type { Store } from "@mailfleet/store";
import { startInboxPage } from "../demo/inbox-page.ts";
import { createLetterBox } from "../demo/letter-box.ts";
import { startDemoNextHop } from "../demo/next-hop.ts";
import { ensureDemoMailbox, startDemoMailbox } from "./demo-mailbox.ts";
import { ensureDemoTenant } from "./demo-tenant.ts";
import type { Plan } from "./plan.ts";

/** The demo, running: its tenant sends to a next hop whose mail is on a page. */
export interface Demo {
  readonly inbox: string;
  readonly key: string;
  /** What answers by itself; undefined where there is no Dovecot. */
  readonly mailbox?: string;
}

export async function startDemo(
  { dataDir, demoPort }: Plan,
  store: Store,
  scope: Scope,
  stderr: Pick<NodeJS.WritableStream, "write">,
): Promise<Demo> {
  const box = createLetterBox();
  const server = await startDemoMailbox(dataDir, scope, stderr);
  const nextHop = scope.own(await startDemoNextHop(box, server), "demo next hop");
  const page = scope.own(await startInboxPage(box, { port: demoPort, setting: "MAILFLEET_DEMO_PORT" }), "demo inbox");
  const key = await ensureDemoTenant(store, { dataDir, nextHop });
  if (server) await ensureDemoMailbox(store, server);
  return { inbox: page.url, key, ...(server && { mailbox: server.mailbox.address }) };
}
