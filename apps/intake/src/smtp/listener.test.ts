import { OverloadedError } from "@mailfleet/store";
import { describe, expect, test } from "vitest";
import { connectClient } from "./testing/dialogue.ts";
import { key, openListenerRig, plainToken } from "./testing/listener-rig.ts";
import { auth, beginContent, greet, letter, openSession, slowAcceptor, submit } from "./testing/session.ts";

describe("accepted means durable", () => {
  test("250 is not said before the commit, and the account is woken after it", async () => {
    const acceptor = slowAcceptor();
    await using rig = await openListenerRig({ acceptor });
    await using client = await openSession(rig.port);
    await beginContent(client);
    client.send(letter);
    await acceptor.asked;
    expect(rig.woken).toEqual([]);
    let replied = false;
    const reply = client.reply().finally(() => {
      replied = true;
    });
    await using other = await openSession(rig.port); // Whatever had been said to the first would be here by now.
    expect(await other.command("NOOP")).toMatch(/^250 /);
    expect(replied).toBe(false);
    acceptor.yes();
    expect((await reply).at(-1)).toBe("250 2.0.0 accepted as u1");
    expect(rig.woken).toEqual(["1"]);
  });

  test("a real submission wakes the account that it belongs to", async () => {
    await using rig = await openListenerRig();
    await using client = await openSession(rig.port);
    expect(await submit(client)).toMatch(/^250 2\.0\.0 accepted as /);
    const account = await rig.store.accounts.resolve("acme");
    expect(rig.woken).toEqual([String(account?.uid)]);
  });

  test("a store that is away is 451, one with too much to do is 452, and the session goes on", async () => {
    const errors = [new Error("connection refused"), new OverloadedError("full")];
    await using rig = await openListenerRig({ acceptor: { accept: () => Promise.reject(errors.shift()) } });
    await using client = await openSession(rig.port);
    expect(await submit(client)).toMatch(/^451 4\.3\.0 /);
    expect(await submit(client)).toMatch(/^452 4\.3\.1 /);
    expect(await client.command("NOOP")).toMatch(/^250 /);
    expect(rig.log.filter((line) => line.includes("connection refused"))).toHaveLength(1);
  });

  test("a store that is away when credentials are to be checked is 454, and counts as nobody's failure", async () => {
    let away = true;
    await using rig = await openListenerRig({
      apiKeys: {
        authenticate: async () => {
          if (away) throw new Error("connection refused");
          return { keyId: "k", tenantId: "acme", tenantState: "active", scopes: ["submit"] };
        },
      },
    });
    await using client = await greet(rig.port);
    expect(await client.command(auth)).toMatch(/^454 4\.7\.0 /);
    away = false;
    expect(await client.command(auth)).toMatch(/^235 /);
  });

  test("a client that is gone before the final dot leaves nothing", async () => {
    await using rig = await openListenerRig();
    {
      await using client = await openSession(rig.port);
      await beginContent(client);
      client.send("From: ann@example.org\r\n\r\nHalf of a mess");
    }
    rig.scope.drain();
    await rig.listener.drained;
    expect(await rig.kept()).toEqual([]);
  });
});

test("DSN parameters are stored with the message and its recipients", async () => {
  await using rig = await openListenerRig();
  await using client = await openSession(rig.port);
  await client.command("MAIL FROM:<ann@example.org> RET=HDRS ENVID=a+2Bb");
  await client.command("RCPT TO:<bob@example.net> NOTIFY=FAILURE,DELAY ORCPT=rfc822;Bob+40example.net");
  await client.command("DATA");
  client.send(letter);
  expect((await client.reply()).at(-1)).toMatch(/^250 /);
  const rows = await rig.store.db.query(
    "select m.ret, m.envid, d.notify, d.orcpt from mailfleet.messages m join mailfleet.deliveries d on d.message_uid = m.uid",
  );
  expect(rows).toEqual([{ ret: "HDRS", envid: "a+b", notify: ["FAILURE", "DELAY"], orcpt: "rfc822;Bob@example.net" }]);
});

describe("policy", () => {
  test("a suspended tenant is refused at MAIL", async () => {
    await using rig = await openListenerRig();
    await rig.store.tenants.suspend("acme");
    await using client = await openSession(rig.port);
    expect(await client.command("MAIL FROM:<ann@example.org>")).toMatch(/^550 5\.7\.1 /);
  });

  test("a foreign sender and an unknown account are refused at MAIL", async () => {
    await using rig = await openListenerRig();
    await rig.store.tenants.put("acme", { allowedSenders: ["@example.org"] });
    await using client = await openSession(rig.port);
    expect(await client.command("MAIL FROM:<eve@example.com>")).toMatch(/^550 5\.7\.1 /);
    expect(await submit(client, "From: eve@example.com\r\n\r\n.\r\n")).toMatch(/^550 5\.7\.1 From/);
    expect(await submit(client)).toMatch(/^250 /);

    await using other = await greet(rig.port);
    expect(await other.command(`AUTH PLAIN ${plainToken("acme/none", key)}`)).toMatch(/^235 /);
    expect(await other.command("MAIL FROM:<ann@example.org>")).toMatch(/^550 5\.7\.1 /);
    expect(await rig.kept()).toHaveLength(1);
  });
});

describe("the PROXY protocol", () => {
  test("a listed proxy says who the client is; from anybody else, the header is no command", async () => {
    await using rig = await openListenerRig({ settings: { smtpProxies: ["127.0.0.1"] } });
    await using client = connectClient(rig.port);
    client.send("PROXY TCP4 192.0.2.77 198.51.100.1 41000 25\r\n");
    await client.reply();
    await client.command("EHLO client.example");
    await client.command(auth);
    await submit(client);
    const [message] = await rig.store.db.query<{ text: string }>(
      "select convert_from(bytes, 'UTF8') as text from mailfleet.contents",
    );
    expect(message?.text).toMatch(/^Received: from client\.example \(\[192\.0\.2\.77\]\) by mail\.example with ESMTPA/);

    await using direct = await openListenerRig();
    await using liar = connectClient(direct.port);
    await liar.reply();
    expect(await liar.command("PROXY TCP4 192.0.2.77 198.51.100.1 41000 25")).toMatch(/^500 /);
  });
});

describe("draining", () => {
  test("idle sessions are sent away, a transaction in hand is finished, and nobody new is let in", async () => {
    await using rig = await openListenerRig();
    await using idle = await openSession(rig.port);
    await using busy = await openSession(rig.port);
    await beginContent(busy);
    rig.scope.drain();
    expect(await idle.line()).toMatch(/^421 4\.3\.2 /);
    await using late = connectClient(rig.port);
    expect(await late.line()).toBeUndefined();
    busy.send(letter);
    expect(await busy.line()).toMatch(/^250 2\.0\.0 accepted/);
    expect(await busy.line()).toMatch(/^421 4\.3\.2 /);
    await Promise.all([idle, busy].map((client) => client[Symbol.asyncDispose]()));
    await rig.listener.drained;
    expect(await rig.kept()).toHaveLength(1);
  });

  test("when the grace is over, only a commit under way is waited for", async () => {
    const acceptor = slowAcceptor();
    await using rig = await openListenerRig({ acceptor });
    await using committing = await openSession(rig.port);
    await using dawdling = await openSession(rig.port);
    await beginContent(dawdling);
    await beginContent(committing);
    committing.send(letter);
    await acceptor.asked;
    rig.scope.stop();
    expect(await dawdling.line()).toMatch(/^421 /);
    acceptor.yes();
    expect(await committing.line()).toMatch(/^250 /);
  });
});
