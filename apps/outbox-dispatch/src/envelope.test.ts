import { deliveryOfEnvelopeId, deliveryOfVerp } from "@mailfleet/mail";
import type { SendingAccount, Transmission } from "@mailfleet/store";
import { expect, test } from "vitest";
import { envelopeFor } from "./envelope.ts";

const sign = (text: string) => Buffer.from(text.padEnd(20, "s"));
const transmission = (reversePath: string) =>
  ({
    deliveryUid: "01a20129-5cbb-7000-8000-000000000001",
    envelope: { reversePath, recipients: [{ address: "ann@example.org" }], smtpUtf8: false, eightBit: false },
  }) as unknown as Transmission;
const told = (settings: object, reversePath = "app@example.org") =>
  envelopeFor({ settings } as SendingAccount, transmission(reversePath), sign).reversePath;

test("the reverse-path is as submitted, unless the account says otherwise", () => {
  expect(told({})).toBe("app@example.org");
  expect(told({ bounces: { mode: "asGiven" } })).toBe("app@example.org");
  expect(told({ bounces: { mode: "fixed", address: "b@example.org" } })).toBe("b@example.org");
});

test("a VERP account's reverse-path names the delivery", () => {
  const address = told({ bounces: { mode: "verp", domain: "bounces.example.org" } });
  expect(address).toMatch(/@bounces\.example\.org$/);
  expect(deliveryOfVerp(address, [sign])).toBe("01a20129-5cbb-7000-8000-000000000001");
});

test("a null reverse-path stays null, so that no bounce answers a bounce, unless the next hop refuses it", () => {
  expect(told({ bounces: { mode: "fixed", address: "b@example.org" } }, "")).toBe("");
  expect(told({ nullReversePath: "bounces@example.org" }, "")).toBe("bounces@example.org");
});

test("an envelope id of ours names the delivery, unless the submitter gave one or nobody would be told", () => {
  const ours = envelopeFor({ settings: {} } as SendingAccount, transmission("app@example.org"), sign).envid ?? "";
  expect(deliveryOfEnvelopeId(ours, [sign])).toBe("01a20129-5cbb-7000-8000-000000000001");
  const given = transmission("app@example.org");
  const theirs = { ...given, envelope: { ...given.envelope, envid: "QQ314159" } };
  expect(envelopeFor({ settings: {} } as SendingAccount, theirs, sign).envid).toBe("QQ314159");
  expect(envelopeFor({ settings: {} } as SendingAccount, transmission(""), sign).envid).toBeUndefined();
});
