import { startHopProcess } from "@mailfleet/testkit";
import { expect } from "vitest";
import { randomOf } from "./chaos.ts";
import { startInboundChaos } from "./inbound-chaos.ts";
import { openInboundHouse } from "./inbound-house.ts";
import { inboundViolations } from "./inbound-violations.ts";

/** Between a watcher's death and the moment at which the last of its mailboxes has another owner. */
const takeoverLimitMs = 10_000;
const blowMs = 1_000;

/**
 * `mail` messages arrive in twenty mailboxes of two tenants while every second a process is killed, and Redis forgets
 * everything twice; then every promise is looked at, and the times of takeovers are printed.
 */
export async function answersAllInChaos({ mail, strikes }: { readonly mail: number; readonly strikes: number }) {
  const seed = Math.floor(Math.random() * 2 ** 32);
  await using hop = await startHopProcess({ keepsContent: false });
  // It takes its time for a yes, so that who is killed leaves mail in doubt.
  await hop.misbehaves({ at: "final-dot", does: "drip", everyMs: 5 });
  await using house = await openInboundHouse({ hopPort: hop.port, mailboxes: { acme: 10, globex: 10 } });
  const chaos = startInboundChaos(house.fleet, randomOf(seed));
  await house.watchAll();
  await house.shared(3);

  const struck: string[] = [];
  try {
    for (let n = 0; n < strikes; n++) {
      const next = new Promise((resolve) => setTimeout(resolve, blowMs));
      const share = Math.floor((mail * (n + 1)) / strikes) - Math.floor((mail * n) / strikes);
      const [blow] = await Promise.all([chaos.strike(), house.deliver(share)]);
      struck.push(blow);
      if (n === Math.floor(strikes / 3) || n === Math.floor((2 * strikes) / 3)) await house.fleet.redis.flush();
      await next;
    }
    const tookMs = await chaos.takeovers();
    await house.ended(90_000);

    const { counts } = await hop.kept();
    expect(house.sent).toHaveLength(mail);
    expect(await inboundViolations(house, counts)).toEqual([]);
    console.log(told(struck, tookMs, await heldOf(house), counts.length));
    expect(Math.max(0, ...tookMs)).toBeLessThan(takeoverLimitMs);
  } catch (error) {
    console.error(`seed ${seed}: ${struck.join(", ")}`);
    throw error;
  }
}

async function heldOf({ fleet: { store } }: Awaited<ReturnType<typeof openInboundHouse>>): Promise<number> {
  return (await store.db.query<{ n: number }>("select count(*) as n from mailfleet.held"))[0]?.n ?? 0;
}

function told(struck: readonly string[], tookMs: readonly number[], held: number, arrived: number): string {
  const sorted = tookMs.toSorted((a, b) => a - b);
  const ms = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  const killed = struck.filter((role) => role === "watcher").length;
  return [
    `${struck.length} processes killed, ${killed} of them watchers; ${arrived} answers arrived, ${held} are held in doubt.`,
    `${sorted.length} mailboxes were taken over: after ${ms(0.5)} ms (median), ${ms(0.9)} ms (p90), ${ms(1)} ms (the last).`,
  ].join(" ");
}
