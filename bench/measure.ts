/** Measures the rows of a plan, one after the other, on one lab. */

import type { Figure } from "./figure.ts";
import type { Lab } from "./lab.ts";
import type { Window } from "./parts/window.ts";
import type { Plan } from "./plan.ts";
import { acceptTime } from "./rows/accept-time.ts";
import { answerLatency } from "./rows/answer-latency.ts";
import { drain } from "./rows/drain.ts";
import { acceptFigure, costFigures, drainFigure, relayFigure, waitingFigures } from "./rows/figures.ts";
import { idleMailboxes } from "./rows/idle-mailboxes.ts";
import { answerFigure, idleFigures, takeoverFigure } from "./rows/inbound-figures.ts";
import { relayByFleet, relayByPostfix } from "./rows/relay.ts";
import { takeover } from "./rows/takeover.ts";
import { waiting } from "./rows/waiting.ts";

export interface Measured {
  readonly figures: readonly Figure[];
  /** Each stretch that was measured. */
  readonly windows: readonly Window[];
  /** Everything that was counted, by row, for those who look closer. */
  readonly raw: Readonly<Record<string, unknown>>;
}

const pairs = 3;
const short = { many: 200_000, most: 1_000_000, churnSeconds: 15, snapshotSeconds: 10 };
const full = { many: 1_000_000, most: 1_000_000, churnSeconds: 1_200, snapshotSeconds: 300 };
const watchedMailboxes = 2_000;
const takeoverRounds = 5;
const letters = 100;

/** `say` is told what is measured next. */
export async function measure(lab: Lab, plan: Plan, say: (what: string) => void): Promise<Measured> {
  const { seconds } = plan;
  const figures: Figure[] = [];
  const raw: Record<string, unknown> = {};
  /** Windows in which the fleet was under load, for the costs per message. */
  const loads = new Map<string, Window>();
  const wants = (...rows: number[]) => rows.some((row) => plan.rows.has(row));

  for (const row of [1, 2] as const) {
    // The costs per message are counted in a drain and in both relays.
    if (!wants(row) && !(row === 1 && wants(6, 7))) continue;
    say(`row ${row}: draining a backlog with ${row} process(es) a side, ${pairs} pairs`);
    const found = await drain(lab, { processes: row, pairs, seconds });
    raw[`row${row}`] = found;
    loads.set(`drain by ${row}`, found.ours.at(-1) as Window);
    if (wants(row)) figures.push(drainFigure(row, found));
  }

  if (wants(3, 4)) {
    say("rows 3 and 4: a Postfix that takes, keeps and passes on");
    const postfix = await relayByPostfix(lab, seconds);
    raw.postfix = postfix;
    for (const [row, door] of [
      [3, "smtp"],
      [4, "http"],
    ] as const) {
      if (!wants(row)) continue;
      say(`row ${row}: the fleet doing the same, in by ${door.toUpperCase()}`);
      const ours = await relayByFleet(lab, door, seconds);
      raw[`row${row}`] = ours;
      loads.set(`${door} in and out`, ours);
      figures.push(relayFigure(row, ours, postfix));
    }
  }

  if (wants(5)) {
    say("row 5: the time to accept a message");
    const found = await acceptTime(lab, seconds * 2);
    raw.row5 = found;
    figures.push(acceptFigure(found));
  }
  if (wants(6, 7)) figures.push(...costFigures(loads).filter(({ row }) => wants(row)));

  if (wants(8, 9)) {
    const size = plan.full ? full : short;
    say(
      `rows 8 and 9: ${size.many.toLocaleString("en")} waiting, ${size.churnSeconds} s of churn, a snapshot held for ${size.snapshotSeconds} s`,
    );
    const found = await waiting(lab, { ...size, seconds });
    raw.row8 = found;
    figures.push(...waitingFigures(found).filter(({ row }) => wants(row)));
  }

  if (wants(10)) {
    say(`row 10: ${watchedMailboxes.toLocaleString("en")} mailboxes, idle, over plain connections and over TLS`);
    const found = await idleMailboxes(lab, watchedMailboxes);
    raw.row10 = found;
    figures.push(...idleFigures(found));
  }
  if (wants(11)) {
    say(`row 11: two watchers, of which one is killed, ${takeoverRounds} times`);
    const found = await takeover(lab, takeoverRounds);
    raw.row11 = found;
    figures.push(takeoverFigure(found));
  }
  if (wants(12)) {
    say(`row 12: ${letters} letters, answered one after the other`);
    const found = await answerLatency(lab, letters);
    raw.row12 = found;
    figures.push(answerFigure(found));
  }
  return { figures, windows: windowsIn(raw), raw };
}

/** The windows among what was counted, however deep they lie. */
function windowsIn(found: unknown): readonly Window[] {
  if (typeof found !== "object" || found === null) return [];
  return "coresUsedByOthers" in found ? [found as Window] : Object.values(found).flatMap(windowsIn);
}
