import { newId, type Report, readReport, type Sign, verpAddress } from "@mailfleet/mail";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningIntake, runIntake } from "./testing/running-intake.ts";

let running: RunningIntake;
let key: string;
let otherKey: string;

beforeAll(async () => {
  running = await runIntake();
  ({ key } = await running.makeTenant("acme"));
  ({ key: otherKey } = await running.makeTenant("other"));
});
afterAll(() => running[Symbol.asyncDispose]());

/** What a qmail sends back for a delivery. */
const bounceOf = (delivery: string, recipient: string): Report => {
  const to = verpAddress(delivery, "bounces.acme.test", running.store.signers[0] as Sign);
  const report = readReport(
    Buffer.from(`Return-Path: <>\r\nFrom: MAILER-DAEMON@peer.test\r\nTo: ${to}\r\nSubject: failure notice\r\n\r
Hi. This is the qmail-send program at peer.test.\r\n\r\n<${recipient}>:\r
Sorry, no mailbox here by that name. (#5.1.1)\r\n`),
  );
  if (!report) throw new Error("a bounce was not read");
  return report;
};

test("a delivery's page shows what came in about it, to its tenant alone", async () => {
  const message = { from: "ann@acme.test", to: "bob@peer.test", subject: "Hello", text: "Hi Bob" };
  const { body } = await running.ask("POST", "/v1/messages", { key, body: message });
  const delivery = body.deliveries[0].id;
  const shown = async (by: string) => running.ask("GET", `/v1/deliveries/${delivery}`, { key: by });
  expect((await shown(key)).body.reports).toEqual([]);

  const inbound = newId();
  const report = bounceOf(delivery, "bob@peer.test");
  const recorded = await running.store.db.transaction((tx) =>
    running.store.deliveryReports.record(tx, { tenantId: "acme", inboundUid: inbound, isForReports: true, report }),
  );
  expect(recorded).toMatchObject({ kind: "matched", deliveryUid: delivery, effect: "suppressed" });

  const { status, body: page } = await shown(key);
  expect([status, page.reports]).toEqual([
    200,
    [
      {
        kind: "bounce",
        hard: true,
        status: "5.1.1",
        diagnostic: "Sorry, no mailbox here by that name. (#5.1.1)",
        recipient: "bob@peer.test",
        at: expect.any(String),
        inbound,
      },
    ],
  ]);
  expect((await shown(otherKey)).status).toBe(404);

  const suppression = await running.ask("GET", "/v1/suppressions/bob@peer.test", { key });
  expect(suppression.body).toMatchObject({ address: "bob@peer.test", reason: "hard_bounce" });
  expect((await running.ask("GET", "/v1/suppressions/bob@peer.test", { key: otherKey })).status).toBe(404);
});
