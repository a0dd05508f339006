import { deliveryOfReport, deliveryOfVerp, type Report, readReport } from "@mailfleet/mail";
import type { SendingAccount, Transmission } from "@mailfleet/store";
import { type PrivatePostfix, privatePostfix, startMisbehavingHop } from "@mailfleet/testkit";
import { openNextHop } from "@mailfleet/transport";
import { afterAll, beforeAll, expect, test } from "vitest";
import { envelopeFor } from "./envelope.ts";

const sign = (text: string) => Buffer.from(text.padEnd(40, "s").slice(-20));
const deliveryUid = "01a20129-5cbb-7000-8000-000000000001";

let target: Awaited<ReturnType<typeof startMisbehavingHop>>;
let postfix: PrivatePostfix;
beforeAll(async () => {
  target = await startMisbehavingHop();
  target.answers("rcpt", "550 5.1.1 no such user", { recipient: "nobody@example.net" });
  postfix = await privatePostfix({ relayPort: target.port });
});
afterAll(async () => {
  await postfix?.[Symbol.asyncDispose]();
  await target?.[Symbol.asyncDispose]();
});

/** Sends a letter to nobody through Postfix, and waits for its bounce. */
async function bounceFor(settings: object, nth: number): Promise<{ report: Report | undefined; to: string }> {
  const transmission = {
    deliveryUid,
    envelope: {
      reversePath: "app@example.org",
      recipients: [{ address: "nobody@example.net" }],
      smtpUtf8: false,
      eightBit: false,
    },
  } as unknown as Transmission;
  const envelope = envelopeFor({ settings } as SendingAccount, transmission, sign);
  await using nextHop = openNextHop({ host: postfix.host, port: postfix.port, security: "none" });
  const letter = Buffer.from(
    "From: app@example.org\r\nMessage-ID: <lost@example.org>\r\nSubject: hello\r\n\r\nhello\r\n",
  );
  const [result] = await nextHop.send(envelope, { sizeBytes: letter.length, bytes: letter }, () => true);
  expect(result?.kind).toBe("success");
  const bounce = (await target.kept(nth)).at(-1);
  return { report: bounce && readReport(bounce.content), to: bounce?.recipients[0] ?? "" };
}

const failed = [{ addresses: ["nobody@example.net"], action: "failed", status: "5.1.1", permanence: "hard" }];

test("a relay that knows DSN gives our envelope id back, and its bounce finds the delivery", async () => {
  const { report, to } = await bounceFor({}, 1);
  expect(to).toBe("app@example.org");
  expect(report).toMatchObject({ kind: "delivery_status", format: "dsn", recipients: failed });
  expect(report?.messageIds).toEqual(["<lost@example.org>"]);
  expect(report?.reversePaths).toEqual([]);
  expect(report && deliveryOfReport(report, [sign])).toBe(deliveryUid);
});

test("a bounce comes back to the signed reverse-path of its delivery", async () => {
  const { report, to } = await bounceFor({ bounces: { mode: "verp", domain: "bounces.example.org" } }, 2);
  expect(deliveryOfVerp(to, [sign])).toBe(deliveryUid);
  expect(report?.reversePaths).toContain(to);
});
