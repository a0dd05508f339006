/** Row 5: how long a message takes to be accepted by HTTP, against sending it oneself to a next hop that is far away. */
import { createTransport } from "nodemailer";
import { quantile } from "../figure.ts";
import type { Lab } from "../lab.ts";
import { startProgram } from "../parts/child.ts";
import { startDelayProxy } from "../parts/delay-proxy.ts";
import { clearOutbox, letter, settle } from "../parts/seed.ts";
import { startSink } from "../parts/sink.ts";

export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly samples: number;
}

export interface AcceptTime {
  readonly accepted: Latency;
  /** Messages in each second that were offered, and how many of all were not taken. */
  readonly perSecond: number;
  readonly refused: number;
  /** Over a pool of connections that are open already, and over a new connection each. */
  readonly pooled: Latency;
  readonly connecting: Latency;
}

const perSecond = 200;
const warmSeconds = 4;
const roundTripMs = 50;
const reportWithinMs = 30_000;

export async function acceptTime(lab: Lab, seconds: number): Promise<AcceptTime> {
  await using sink = await startSink(lab.folder);
  const { accepted, refused } = await acceptByHttp(lab, sink.port, seconds);
  await using farAway = await startDelayProxy(sink.port, roundTripMs);
  const pooled = await sendDirectly(farAway.port, { pool: true, perSecond: 50, seconds: Math.min(seconds, 8) });
  const connecting = await sendDirectly(farAway.port, { pool: false, perSecond: 50, seconds: Math.min(seconds, 8) });
  return { accepted, refused, perSecond, pooled, connecting };
}

/** With the fleet delivering at the same time. */
async function acceptByHttp(lab: Lab, port: number, seconds: number) {
  await clearOutbox(lab.db);
  await lab.account(port, 20);
  await settle(lab.db);
  await using intake = await lab.startIntake();
  await using _dispatch = lab.startDispatch();
  const total = warmSeconds + seconds;
  const steady = { perSecond, warmSeconds };
  await using source = startProgram("bench/programs/http-source.ts", {
    ...{ url: intake.apiUrl, key: intake.key, seconds: total, text: letter.slice(-1_700), steady },
  });
  const report = await source.report<{ refused: number; latenciesMs: number[] }>(total * 1_000 + reportWithinMs);
  return { refused: report.refused, accepted: latencyOf(report.latenciesMs) };
}

/** What an application does that has no outbox. */
async function sendDirectly(
  port: number,
  load: { pool: boolean; perSecond: number; seconds: number },
): Promise<Latency> {
  const shape = load.pool ? { pool: true as const, maxConnections: 20, maxMessages: Number.POSITIVE_INFINITY } : {};
  const transport = createTransport({ host: "127.0.0.1", port, secure: false, ignoreTLS: true, ...shape });
  const latenciesMs: number[] = [];
  const send = async (isCounted: boolean) => {
    const sent = performance.now();
    const envelope = { from: "from@bench.example", to: ["far@sink.example"] };
    await transport.sendMail({ envelope, raw: letter, disableFileAccess: true, disableUrlAccess: true });
    if (isCounted) latenciesMs.push(performance.now() - sent);
  };
  // The pool opens its connections first.
  if (load.pool) await Promise.all(Array.from({ length: 40 }, () => send(false)));
  const underWay: Promise<void>[] = [];
  const began = performance.now();
  for (let n = 0; n < load.perSecond * load.seconds; n++) {
    const waitMs = began + (n * 1_000) / load.perSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    underWay.push(send(true));
  }
  await Promise.all(underWay);
  transport.close();
  return latencyOf(latenciesMs);
}

const latencyOf = (latenciesMs: readonly number[]): Latency => ({
  p50Ms: quantile(latenciesMs, 0.5),
  p99Ms: quantile(latenciesMs, 0.99),
  samples: latenciesMs.length,
});
