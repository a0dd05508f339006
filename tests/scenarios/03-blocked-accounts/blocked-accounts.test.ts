import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";

const mail = 40;
const flood = (fleet: Fleet, tenant: string) => Promise.all(Array.from({ length: mail }, () => fleet.send(tenant)));
type Fleet = Awaited<ReturnType<typeof startOneProcessFleet>>;

const blockOf = async ({ store }: Fleet, tenant: string) => (await store.stats(tenant)).accounts[0];

/** Ends the wait that no test has time for. */
const letProbe = ({ store }: Fleet) =>
  store.db.query("update mailfleet.queue_keys set blocked_until = now() where blocked_until is not null");

test("wrong credentials cost one probe and nobody's attempt, and the right ones let all mail through", async () => {
  await using hop = await startMisbehavingHop({ auth: { user: "acme", pass: "right" } });
  await using fleet = await startOneProcessFleet();
  const account = { port: hop.port, auth: { kind: "password", user: "acme" }, allowClearTextAuth: true } as const;
  await fleet.tenant("acme", account, "wrong");
  await flood(fleet, "acme");
  await fleet.startSender();
  await fleet.startSender();
  await until("the account is blocked", async () => (await blockOf(fleet, "acme"))?.blockedUntil);
  await until("all claims went back", async () =>
    (await fleet.deliveries("acme")).every(({ state }) => state === "pending"),
  );
  const afterTheFirst = hop.connections.total;
  // Of lanes that open at the same moment each may have tried; nobody tries again.
  expect(afterTheFirst).toBeLessThanOrEqual(5);

  await letProbe(fleet);
  await until("it has been probed", () => hop.connections.total > afterTheFirst);
  await until("the account is blocked again", async () => (await blockOf(fleet, "acme"))?.blockedUntil);
  expect(hop.connections.total).toBe(afterTheFirst + 1);
  expect((await fleet.deliveries("acme")).map(({ attemptCount }) => attemptCount)).toEqual(Array(mail).fill(0));

  // What is written here is read at once everywhere, or the old password would block the account once more.
  await fleet.store.accounts.put(
    "acme",
    "main",
    { host: "127.0.0.1", security: "none", ...account },
    { pass: "right" },
  );
  await fleet.reaches("acme", mail, ["sent"]);
  expect((await blockOf(fleet, "acme"))?.blockedUntil).toBeNull();
});

test("a closed port costs nobody's attempt, and mail flows when somebody listens again", async () => {
  const hop = await startMisbehavingHop();
  const { port } = hop;
  await hop[Symbol.asyncDispose]();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port });
  await flood(fleet, "acme");
  await fleet.startSender();
  const blocked = await until("the account is blocked", async () => {
    const found = await blockOf(fleet, "acme");
    return found?.blockedUntil ? found : undefined;
  });
  expect(blocked.reason).not.toBe("");
  await until("all claims went back", async () =>
    (await fleet.deliveries("acme")).every(({ state }) => state === "pending"),
  );
  expect((await fleet.deliveries("acme")).every(({ attemptCount }) => attemptCount === 0)).toBe(true);

  await using back = await startMisbehavingHop({ port });
  await letProbe(fleet);
  await fleet.reaches("acme", mail, ["sent"]);
  expect(back.deliveries).toBe(mail);
});

test("an account in trouble is nobody else's", async () => {
  await using hop = await startMisbehavingHop();
  await using broken = await startMisbehavingHop();
  broken.answers("greeting", "554 5.3.2 no service here");
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("broken", { port: broken.port });
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();

  await flood(fleet, "broken");
  await flood(fleet, "acme");
  await fleet.reaches("acme", mail, ["sent"]);
  expect((await fleet.deliveries("broken")).every(({ attemptCount }) => attemptCount === 0)).toBe(true);
});
