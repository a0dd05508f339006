import { describe, expect, test, vi } from "vitest";
import { type SmtpLimits, smtpLimits } from "./limits.ts";
import { connectClient } from "./testing/dialogue.ts";
import { openListenerRig, type RigOptions } from "./testing/listener-rig.ts";
import { auth, beginContent, greet, letter, openSession, submit, wrongAuth } from "./testing/session.ts";

describe("limits", () => {
  const limited = (limits: Partial<SmtpLimits>): RigOptions => ({ limits: { ...smtpLimits, ...limits } });

  test("a declared size above the maximum is refused at MAIL, an undeclared one after the dot", async () => {
    await using rig = await openListenerRig({ settings: { smtpMaxMessageBytes: 65_536 } });
    await using client = await openSession(rig.port);
    expect(await client.command("MAIL FROM:<ann@example.org> SIZE=70000")).toMatch(/^552 5\.3\.4 /);
    const large = `From: ann@example.org\r\n\r\n${`${"x".repeat(70)}\r\n`.repeat(1_000)}.\r\n`;
    expect(await submit(client, large)).toMatch(/^552 5\.3\.4 /);
    expect(await submit(client)).toMatch(/^250 /);
  });

  test("the first 1,000 of 1,100 recipients get their mail, and who names 100,000 is cut off within a second", async () => {
    await using rig = await openListenerRig();
    await using client = await openSession(rig.port);
    await client.command("MAIL FROM:<ann@example.org>");
    client.send(Array.from({ length: 1_100 }, (_, n) => `RCPT TO:<r${n}@example.net>\r\n`).join(""));
    const codes = new Map<string, number>();
    for (let n = 0; n < 1_100; n++) {
      const status = (await client.line())?.slice(0, 9) ?? "closed";
      codes.set(status, (codes.get(status) ?? 0) + 1);
    }
    expect([...codes]).toEqual([
      ["250 2.1.5", 1_000],
      ["452 4.5.3", 100],
    ]);
    expect(await client.command("DATA")).toMatch(/^354 /);
    client.send(letter);
    expect((await client.reply()).at(-1)).toMatch(/^250 /);
    expect((await rig.kept())[0]?.split(", ")).toHaveLength(1_000);

    await client.command("MAIL FROM:<ann@example.org>");
    const startedAt = performance.now();
    client.send(Array.from({ length: 100_000 }, (_, n) => `RCPT TO:<r${n}@example.net>\r\n`).join(""));
    let last: string | undefined;
    for (let line = await client.line(); line !== undefined; line = await client.line()) last = line;
    expect(last).toMatch(/^421 4\.7\.0 /);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  test("one client too many is sent away with 421", async () => {
    await using rig = await openListenerRig({ settings: { smtpMaxClients: 1 } });
    await using _ = await openSession(rig.port);
    await using second = connectClient(rig.port);
    expect((await second.reply()).at(-1)).toMatch(/^421 4\.3\.2 /);
    expect(await second.line()).toBeUndefined();
  });

  test("a tenant's sessions are limited, and one that ends makes room", async () => {
    await using rig = await openListenerRig(limited({ sessionsPerTenant: 1 }));
    const first = await openSession(rig.port);
    await using second = await greet(rig.port);
    expect(await second.command(auth)).toMatch(/^454 4\.7\.0 /);
    expect(await first.command("QUIT")).toMatch(/^221 /);
    await first[Symbol.asyncDispose]();
    await vi.waitFor(async () => expect(await second.command(auth)).toMatch(/^235 /), 3_000);
  });

  test("too many messages, and too many errors, end a session", async () => {
    await using rig = await openListenerRig(limited({ messagesPerSession: 1, errorsPerSession: 3 }));
    await using client = await openSession(rig.port);
    expect(await submit(client)).toMatch(/^250 /);
    expect(await client.command("MAIL FROM:<ann@example.org>")).toMatch(/^421 4\.7\.0 /);
    expect(await client.line()).toBeUndefined();

    await using erring = await openSession(rig.port);
    for (let n = 0; n < 3; n++) expect(await erring.command("NONSENSE")).toMatch(/^500 /);
    expect(await erring.line()).toMatch(/^421 4\.7\.0 /);
    expect(await erring.line()).toBeUndefined();
  });

  test("a line without end is cut off", async () => {
    await using rig = await openListenerRig();
    await using client = await openSession(rig.port);
    client.send("N".repeat(10_000_000));
    expect(await client.line()).toMatch(/^421 /);
    expect(await client.line()).toBeUndefined();
  });

  test("content that drips is cut off however steadily it drips, and so is a stranger who does nothing", async () => {
    await using rig = await openListenerRig(limited({ contentMs: 150, authenticateMs: 300, watchMs: 20 }));
    await using client = await openSession(rig.port);
    await beginContent(client);
    const drip = setInterval(() => client.send("x"), 10);
    try {
      expect(await client.line()).toMatch(/^421 4\.4\.2 /);
    } finally {
      clearInterval(drip);
    }
    await using stranger = connectClient(rig.port);
    await stranger.reply();
    expect(await stranger.line()).toMatch(/^421 4\.7\.0 /);
    expect(await stranger.line()).toBeUndefined();
    expect(await rig.kept()).toEqual([]);
  });

  test("failed AUTH is answered later and later, then locked out", async () => {
    const slept: number[] = [];
    await using rig = await openListenerRig({
      clock: { nowMs: () => 0, sleep: async (ms) => void slept.push(ms) },
    });
    let reply = "";
    for (let session = 0; session < 4; session++) {
      await using client = await greet(rig.port);
      for (let n = 0; n < 6; n++) reply = await client.command(wrongAuth);
    }
    expect(reply).toMatch(/^454 4\.7\.0 /);
    expect(slept).toHaveLength(20);
    expect(slept.slice(0, 3)).toEqual([500, 1_000, 2_000]);
    await using honest = await greet(rig.port);
    expect(await honest.command(auth)).toMatch(/^454 4\.7\.0 /);
    expect(rig.log.join("")).not.toContain("xxxx");
  });
});
