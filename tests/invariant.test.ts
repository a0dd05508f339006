/** The judge of all crash tests is judged: each broken promise is found, and told from the others. */
import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startFleet } from "./fleet/fleet.ts";
import { letters } from "./fleet/ledger.ts";
import { violations } from "./invariant.ts";

test("every way to break a promise is found out", { timeout: 90_000 }, async () => {
  await using hop = await startMisbehavingHop({ keepsContent: false });
  await using fleet = await startFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startIntake();
  fleet.startDispatch();
  hop.answers("rcpt", "550 5.1.1 no such user", { recipient: "letter-3@recipient.test" });
  await Promise.all(letters("acme", 8).map((letter) => fleet.ledger.submit(letter)));
  await fleet.settled(60_000);

  const { store, ledger } = fleet;
  const kept = hop.counts();
  const judged = (changed: Partial<Parameters<typeof violations>[0]> = {}) =>
    violations({ store, ledger, kept, resubmits: false, ...changed });
  expect(await judged()).toEqual([]);
  expect(await judged({ resubmits: true })).toEqual([]);

  const unknown = { tenantId: "acme", id: "lost", via: "http", recipients: ["a@b.test"], inDoubt: "retry" } as const;
  expect(await judged({ ledger: { ...ledger, acknowledged: [unknown] } })).toEqual([
    "lost was acknowledged and is not there whole",
  ]);
  const [first, ...others] = kept;
  expect(await judged({ kept: others })).toEqual([expect.stringContaining("is sent and nobody has it")]);
  expect(await judged({ kept: [...others, { ...first!, copies: 2 }] })).toContainEqual(
    expect.stringContaining("has 2 copies for 1 attempts"),
  );
  expect(await judged({ kept: [...kept, { messageId: "<1@x.test>", recipient: "a@b.test", copies: 1 }] })).toEqual([
    expect.stringContaining("was never accepted"),
  ]);
  const forgetful = { ...ledger, resubmit: async () => ({ status: 202, messageId: "<2@x.test>" }) };
  expect((await judged({ ledger: forgetful, resubmits: true })).length).toBeGreaterThan(0);

  // Each of these is undone by the rollback that an error brings about.
  const breaks = async (statement: string) => {
    const found = Promise.withResolvers<string[]>();
    await store.db
      .transaction(async (tx) => {
        await tx.query(statement);
        found.resolve(await judged({ store: { ...store, db: { ...store.db, query: tx.query } } }));
        throw new Error("undone");
      })
      .catch((error: Error) => found.reject(error));
    return found.promise;
  };
  expect(
    await breaks("update mailfleet.deliveries set state = 'open' where state = 'sent' and position = 0"),
  ).toContainEqual(expect.stringContaining("is open and waits in 0 places"));
  expect(await breaks("delete from mailfleet.messages where origin = 'dsn'")).toContainEqual(
    expect.stringContaining("is owed a notification and has 0"),
  );
  expect(
    await breaks("insert into mailfleet.tallies select tenant_id, 0, 'sent', 1 from mailfleet.tallies limit 1"),
  ).toEqual([expect.stringMatching(/^sent: \d were told of/)]);
});
