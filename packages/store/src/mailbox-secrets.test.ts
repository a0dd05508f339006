import type { MailboxSettings } from "@mailfleet/mail";
import { expect, test } from "vitest";
import { changeMailboxSecrets } from "./mailbox-secrets.ts";

const settingsWith = (answerer: object, auth: object = { kind: "password", user: "u" }) =>
  ({ auth, answer: { answerer } }) as MailboxSettings;
const model = settingsWith({ kind: "model", httpTools: [{ name: "look" }] });

test("what is given is stored, what is left out stays, and null clears", () => {
  const stored = changeMailboxSecrets({}, { pass: "p", modelKey: "m", toolToken: "t" }, model);
  expect(stored).toEqual({ pass: "p", modelKey: "m", toolToken: "t" });
  expect(changeMailboxSecrets(stored, { modelKey: "n", toolToken: null }, model)).toEqual({ pass: "p", modelKey: "n" });
});

test("what the settings have no use for any more is not kept", () => {
  const login = { pass: "p", clientSecret: "c", refreshToken: "r" };
  const all = { ...login, webhookSecret: "w", escalateSecret: "e", modelKey: "m", toolToken: "t" };
  expect(changeMailboxSecrets(all, {}, settingsWith({ kind: "template" }))).toEqual({ pass: "p" });
  expect(changeMailboxSecrets(all, {}, settingsWith({ kind: "webhook" }))).toEqual({ pass: "p", webhookSecret: "w" });
  expect(changeMailboxSecrets(all, {}, settingsWith({ kind: "model", httpTools: [] }))).toEqual({
    pass: "p",
    modelKey: "m",
  });
  const called = (answerer: object) =>
    ({ ...settingsWith(answerer), answer: { answerer, escalate: { url: "https://a.example" } } }) as MailboxSettings;
  expect(changeMailboxSecrets(all, {}, called({ kind: "template" }))).toEqual({ pass: "p", escalateSecret: "e" });
  expect(changeMailboxSecrets(all, { escalateSecret: "f" }, called({ kind: "webhook" }))).toEqual({
    pass: "p",
    webhookSecret: "w",
    escalateSecret: "f",
  });
  expect(changeMailboxSecrets(all, {}, settingsWith({ kind: "template" }, { kind: "oauth2" }))).toEqual({
    clientSecret: "c",
    refreshToken: "r",
  });
});
