import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { authGuard, authGuardLimits } from "./auth-guard.ts";
import { play, readDialogue } from "./testing/dialogue.ts";
import { key, type ListenerRig, openListenerRig, plainToken, readOnlyKey } from "./testing/listener-rig.ts";

const folder = new URL("testdata/", import.meta.url);
const words = {
  token: plainToken("acme", key),
  wrongKey: plainToken("acme", `mf_${"x".repeat(40)}`),
  wrongTenant: plainToken("other", key),
  wrongScope: plainToken("acme", readOnlyKey),
  accountUser: Buffer.from("acme/main").toString("base64"),
  password: Buffer.from(key).toString("base64"),
};

let rig: ListenerRig;
beforeAll(async () => {
  rig = await openListenerRig({ guard: authGuard({ limits: { ...authGuardLimits, firstDelayMs: 0 } }) });
});
afterAll(() => rig[Symbol.asyncDispose]());

test.each(readdirSync(folder).sort())("dialogue %s", async (file) => {
  const text = readFileSync(new URL(file, folder), "utf8");
  const dialogue = readDialogue(text, words);
  expect(dialogue.steps.length).toBeGreaterThan(0);
  expect(await play(dialogue, rig.port)).toEqual([]);
  expect([...(await rig.kept())].sort()).toEqual([...dialogue.kept].sort());
});
