import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { key, openListenerRig } from "./testing/listener-rig.ts";

test("swaks, a client of the world, submits to several recipients", async () => {
  await using rig = await openListenerRig();
  const { stdout } = await promisify(execFile)("swaks", [
    ...["--server", "127.0.0.1", "--port", String(rig.port), "--ehlo", "client.example"],
    ...["--auth", "LOGIN", "--auth-user", "acme", "--auth-password", key],
    ...["--from", "ann@example.org", "--to", "bob@example.net,cy@example.com", "--header", "Subject: Hi from swaks"],
    ...["--add-header", "Mailfleet-Id: swaks-1", "--body", "Hello\n.\nGoodbye"],
  ]);
  expect(stdout).toContain("250 2.0.0 accepted as swaks-1");
  expect(await rig.kept()).toEqual(["ann@example.org > bob@example.net, cy@example.com"]);
  const [message] = await rig.store.db.query<{ text: string; subject: string }>(
    "select convert_from(c.bytes, 'UTF8') as text, m.subject from mailfleet.contents c join mailfleet.messages m on m.uid = c.message_uid",
  );
  expect(message?.subject).toBe("Hi from swaks");
  expect(message?.text).toContain("Hello\r\n.\r\nGoodbye");
  expect(message?.text).not.toContain("swaks-1");
});
