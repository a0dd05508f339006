import type { MailboxSettings } from "@mailfleet/mail";
import { expect, test } from "vitest";
import { changeMailboxSecrets, mailboxSecretsToGiveAnew } from "./mailbox-secrets.ts";

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

const moving = (before: object, after: object, changes = {}) => {
  const all = { pass: "p", clientSecret: "c", refreshToken: "r", webhookSecret: "w", modelKey: "m", toolToken: "t" };
  const stored = changeMailboxSecrets(all, {}, before as MailboxSettings);
  return mailboxSecretsToGiveAnew(stored, changes, before as MailboxSettings, after as MailboxSettings);
};
const tool = (url: string) => ({ name: "look", url });
const modelAt = (url: string, ...httpTools: readonly object[]) => settingsWith({ kind: "model", url, httpTools });

test("a login that would go to another server is to be given anew, and one that is given or cleared is not asked for", () => {
  const before = { ...settingsWith({ kind: "template" }), host: "a.example" };
  const after = { ...before, host: "b.example" };
  expect(moving(before, before)).toEqual([]);
  expect(moving(before, after)).toEqual(["pass"]);
  expect(moving(before, after, { pass: "new" })).toEqual([]);
  expect(moving(before, after, { pass: null })).toEqual([]);
  const auth = { kind: "oauth2", user: "u", tokenUrl: "https://id.example/" };
  const issued = { ...before, auth };
  expect(moving(issued, { ...issued, auth: { ...auth, tokenUrl: "https://evil.example/" } })).toEqual([
    "clientSecret",
    "refreshToken",
  ]);
  // What is dropped goes nowhere.
  expect(moving(issued, after)).toEqual([]);
});

test("a model's key is to be given anew for another endpoint, and its tools' token for another host", () => {
  const before = modelAt("https://m.example/v1", tool("https://t.example/a"));
  expect(moving(before, modelAt("https://m.example/v1", tool("https://t.example/b")))).toEqual([]);
  expect(moving(before, modelAt("https://evil.example/v1", tool("https://t.example/a")))).toEqual(["modelKey"]);
  for (const url of ["https://evil.example/a", "http://t.example/a", "https://t.example:444/a"]) {
    expect(moving(before, modelAt("https://m.example/v1", tool("https://t.example/a"), tool(url)))).toEqual([
      "toolToken",
    ]);
  }
});

test("the secret of webhooks stays, wherever they lead: it signs, and goes nowhere", () => {
  const to = (url: string) => settingsWith({ kind: "webhook", url });
  expect(moving(to("https://a.example/"), to("https://b.example/"))).toEqual([]);
});
