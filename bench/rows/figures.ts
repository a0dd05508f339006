/** The rows of mail that leaves: which aim each measurement is held against. */
import { cpuText, type Figure, median } from "../figure.ts";
import type { Window } from "../parts/window.ts";
import type { AcceptTime } from "./accept-time.ts";
import type { Drain } from "./drain.ts";
import type { Waiting } from "./waiting.ts";

export function drainFigure(row: 1 | 2, { ours, theirs }: Drain): Figure {
  const ratios = ours.map(({ perSecond }, n) => perSecond / (theirs[n]?.perSecond ?? Number.NaN));
  const [mine, other] = [middle(ours), middle(theirs)];
  const name =
    row === 1
      ? "drain a backlog in one process / a bare nodemailer pool in one process"
      : "the same with two processes / two bare loops";
  const all = ratios.map((ratio) => ratio.toFixed(2)).join(", ");
  const detail = `${whole(mine)} / ${whole(other)} msg/s, pairs ${all}; ${cpuText(mine.cpuMicros)}; theirs: ${cpuText(other.cpuMicros)}`;
  return { row, name, aim: { atLeast: 0.95 }, measured: median(ratios), detail };
}

export function relayFigure(row: 3 | 4, ours: Window, postfix: Window): Figure {
  const aim = { atLeast: row === 3 ? 4 : 4.5 };
  const name = `${row === 3 ? "SMTP in" : "HTTP batch in"}, durable, SMTP out / Postfix doing the same`;
  const counts = `${ours.statements?.toFixed(2)} SQL statements per message`;
  const detail = `${whole(ours)} / ${whole(postfix)} msg/s; ${cpuText(ours.cpuMicros)}; ${counts}; theirs: ${cpuText(postfix.cpuMicros)}`;
  return { row, name, aim, measured: ours.perSecond / postfix.perSecond, detail };
}

export function acceptFigure({ accepted, perSecond, refused, pooled, connecting }: AcceptTime): Figure {
  const name = "accept one message by HTTP at 200/s / send it to a hop 50 ms away, p99";
  const [mine, open, fresh] = [accepted, pooled, connecting].map(
    ({ p50Ms, p99Ms }) => `${p50Ms.toFixed(1)} and ${p99Ms.toFixed(1)}`,
  );
  const detail = `p50 and p99 in ms: ${mine} at ${perSecond}/s with ${refused} refused; sending over open connections ${open}, over new ones ${fresh}; held against the open ones`;
  return { row: 5, name, aim: { atMost: 0.05 }, measured: accepted.p99Ms / pooled.p99Ms, detail };
}

/** Rows 6 and 7 are counted while rows 1 to 4 run; the worst of what was measured is what counts. */
export function costFigures(loads: ReadonlyMap<string, Window>): Figure[] {
  const each = (read: (window: Window) => number | undefined) =>
    [...loads].map(([name, window]) => [name, read(window) ?? Number.NaN] as const);
  const figure = (
    row: number,
    name: string,
    atMost: number,
    values: readonly (readonly [string, number])[],
  ): Figure => {
    const detail = values.map(([load, value]) => `${load} ${value.toFixed(4)}`).join(", ");
    if (values.length === 0) return { row, name, aim: { atMost }, detail: "counted while rows 1 to 4 run" };
    return { row, name, aim: { atMost }, measured: Math.max(...values.map(([, value]) => value)), detail };
  };
  return [
    figure(
      6,
      "Redis commands that clients send per delivered message",
      0.1,
      each((window) => window.redisCommands),
    ),
    figure(
      7,
      "SQL statements per delivered message",
      0.2,
      each((window) => window.statements),
    ),
  ];
}

export function waitingFigures(found: Waiting): Figure[] {
  const { few, many, most, fewBefore, manyAfterChurn, manyWithSnapshot, fewAfter, deadRows } = found;
  const base = (fewBefore.perSecond + fewAfter.perSecond) / 2;
  const worst = Math.min(manyAfterChurn.perSecond, manyWithSnapshot.perSecond);
  const n = (value: number) => value.toLocaleString("en");
  const rates = `${whole(manyAfterChurn)} after churn and ${whole(manyWithSnapshot)} with a snapshot (${n(deadRows)} dead rows)`;
  const cost = (window: Window) => `${window.cpuMicros.dispatch} and ${window.cpuMicros.postgres}`;
  const costs = `dispatch and postgres ${cost(manyWithSnapshot)} / ${cost(fewBefore)} µs CPU per message`;
  const megabytes = (bytes: number) => bytes / 1e6;
  return [
    {
      row: 8,
      name: `throughput with ${n(many)} waiting, churn and a snapshot / ${n(few)} waiting`,
      aim: { atLeast: 0.8 },
      measured: worst / base,
      detail: `${rates} / ${whole(fewBefore)} before and ${whole(fewAfter)} after, msg/s; ${costs}`,
    },
    {
      row: 9,
      name: `Redis memory at its peak, with up to ${n(most)} waiting`,
      aim: { atMost: 50 },
      unit: " MB",
      measured: megabytes(found.redisPeakBytes),
      detail: `${megabytes(found.redisBytesWithFew).toFixed(1)} MB with ${n(few)} waiting`,
    },
  ];
}

const middle = (windows: readonly Window[]): Window =>
  windows.toSorted((a, b) => a.perSecond - b.perSecond)[Math.floor(windows.length / 2)] as Window;

const whole = ({ perSecond }: Window) => perSecond.toFixed(0);
