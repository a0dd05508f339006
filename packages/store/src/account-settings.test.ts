import { expect, test } from "vitest";
import {
  type AccountSettings,
  changeSecrets,
  dkimName,
  secretsPresent,
  secretsToGiveAnew,
} from "./account-settings.ts";

const password: AccountSettings = {
  host: "mx.example.org",
  port: 587,
  security: "starttls",
  auth: { kind: "password", user: "u" },
  dkim: [{ domain: "example.org", selector: "s1" }],
};
const oauth2: AccountSettings = {
  ...password,
  auth: { kind: "oauth2", user: "u", tokenUrl: "https://id.example.org/token", clientId: "c" },
};
const { auth: _, dkim: __, ...open } = password;
const name = dkimName({ domain: "example.org", selector: "s1" });
const stored = { pass: "old", dkim: { [name]: "PEM" } };

test.each([
  ["an omitted secret is kept", stored, {}, password, stored],
  ["a given secret replaces", stored, { pass: "new" }, password, { ...stored, pass: "new" }],
  ["null clears", stored, { pass: null, dkim: { [name]: null } }, password, {}],
  ["a first secret is stored", {}, { pass: "new" }, password, { pass: "new" }],
  [
    "a password goes when the account changes to OAuth 2",
    stored,
    { clientSecret: "s" },
    oauth2,
    { clientSecret: "s", dkim: stored.dkim },
  ],
  ["secrets go with what used them", stored, {}, open, {}],
  [
    "a signing key goes with its selector",
    stored,
    {},
    { ...password, dkim: [{ domain: "example.org", selector: "s2" }] },
    { pass: "old" },
  ],
  ["a signing key that nothing signs with is not stored", {}, { dkim: { other: "PEM" } }, password, {}],
])("%s", (_title, before, changes, settings, after) => {
  expect(changeSecrets(before, changes, settings)).toEqual(after);
});

test("what is shown says which secrets are stored, and nothing of them", () => {
  expect(secretsPresent(stored)).toEqual({ pass: true, clientSecret: false, refreshToken: false, dkim: [name] });
});

test("a login that would go to another next hop is to be given anew, and signing keys go nowhere", () => {
  const elsewhere = { ...password, host: "evil.example" };
  expect(secretsToGiveAnew(stored, {}, password, { ...password, maxConnections: 2 })).toEqual([]);
  expect(secretsToGiveAnew(stored, {}, password, elsewhere)).toEqual(["pass"]);
  expect(secretsToGiveAnew(stored, { pass: "new" }, password, elsewhere)).toEqual([]);
  expect(secretsToGiveAnew({ dkim: stored.dkim }, {}, password, elsewhere)).toEqual([]);
  const tokens = { clientSecret: "c", refreshToken: "r" };
  expect(secretsToGiveAnew(tokens, { clientSecret: null }, oauth2, { ...oauth2, host: "evil.example" })).toEqual([
    "refreshToken",
  ]);
});
