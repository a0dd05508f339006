import {
  type CutPoint,
  cutProxy,
  type MisbehavingHop,
  type PrivateDovecot,
  privateDovecot,
  startMisbehavingHop,
} from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letterTo } from "../../fleet/letters-to.ts";
import { type OneProcessFleet, startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";
import { mailboxOn, storiesIn, watch } from "../../fleet/watched-mailbox.ts";

const others = ["one@example.org", "two@example.org", "three@example.org"];
let dovecot: PrivateDovecot;
let hop: MisbehavingHop;
let fleet: OneProcessFleet;

beforeAll(async () => {
  dovecot = await privateDovecot([...cuts.map((_, n) => userAt(n)), ...others]);
  hop = await startMisbehavingHop();
  fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();
  await fleet.startWatcher();
  await fleet.startAnswerer();
}, 60_000);
afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await hop?.[Symbol.asyncDispose]();
  await dovecot?.[Symbol.asyncDispose]();
});

/** Where the connection is cut, and whether it must be made anew to come there. */
const cuts: readonly (readonly [state: string, at: CutPoint, isOnTheWay?: true])[] = [
  ["greeting", { from: "server", bytes: 5 }, true],
  ["login", { from: "client", text: "AUTHENTICATE" }, true],
  ["login that succeeded", { from: "server", text: "Logged in", delivers: false }, true],
  ["select", { from: "client", text: "SELECT" }, true],
  ["search", { from: "client", text: "UID SEARCH" }],
  ["fetch", { from: "server", text: "Where is my par" }],
  ["idle", { from: "server", text: "EXISTS" }],
  ["end of idle", { from: "client", text: "DONE" }],
  ["store", { from: "client", text: "UID STORE" }],
  ["store that was done", { from: "server", text: "Store completed", delivers: false }],
  ["append", { from: "client", text: "APPEND" }],
  ["append that was done", { from: "server", text: "APPENDUID", delivers: false }],
];
const userAt = (n: number) => `cut-${n}@example.org`;

test("a connection that is cut in any state loses no message, answers none twice, and appends none twice", async () => {
  await Promise.all(
    cuts.map(async ([state, at, isOnTheWay], n) => {
      await using proxy = await cutProxy(dovecot.imapPort);
      const [user, id, person] = [userAt(n), `cut-${n}`, `ann-${n}@example.net`];
      const place = { host: proxy.host, imapPort: proxy.port, password: dovecot.password };
      await watch(fleet, "acme", id, mailboxOn(place, user, {}, { appendTo: "\\Sent" }));
      const before = proxy.accepted;
      proxy.cutAt(at);
      if (isOnTheWay) proxy.cut();
      await dovecot.deliver(user, letterTo(user, { subject: state, from: person }), { reversePath: person });
      const [story] = await storiesIn(fleet, "acme", id, 1);
      expect(story).toMatchObject({ subject: state, state: "answered" });
      await until(`what is to be done after a cut at ${state} is done`, async () => {
        const { body } = await fleet.ask("GET", `/v1/inbound/${story?.id}`, "acme");
        return body.actions.every(({ doneAt }: { doneAt: string | null }) => doneAt !== null);
      });
      // It was cut there: else there would be no other connection.
      expect(proxy.accepted - before, state).toBeGreaterThanOrEqual(isOnTheWay ? 2 : 1);
      expect(await dovecot.messages(user, "Sent"), state).toHaveLength(1);
      expect(await dovecot.messages(user), state).toMatchObject([{ flags: ["\\Answered"] }]);
    }),
  );
  await hop.kept(cuts.length);
  const copies = hop.counts().filter(({ recipient }) => recipient.startsWith("ann-"));
  expect(copies.map((one) => one.copies)).toEqual(Array(cuts.length).fill(1));
}, 60_000);

test("a server that is restarted is followed again in all its mailboxes, and what came meanwhile is answered", async () => {
  for (const user of others) await watch(fleet, "acme", user.replace(/@.*/, ""), mailboxOn(dovecot, user));
  await dovecot.stop();
  await dovecot.start();
  for (const [n, user] of others.entries()) {
    const reversePath = `bob-${n}@example.net`;
    await dovecot.deliver(user, letterTo(user, { from: `Bob <${reversePath}>` }), { reversePath });
  }
  for (const user of others) {
    expect(await storiesIn(fleet, "acme", user.replace(/@.*/, ""), 1)).toMatchObject([{ state: "answered" }]);
  }
}, 60_000);
