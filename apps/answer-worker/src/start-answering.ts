import type { OperatorConfig } from "@mailfleet/answer";
import { openParser } from "@mailfleet/parser";
import type { Queues } from "@mailfleet/queue";
import { every, type Running, type Scope, type Watchdog } from "@mailfleet/service";
import { joinAsWorker, leaseLimitsOf, type Store } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { type AnswerDeps, answerOne } from "./answer-one.ts";
import { openHands } from "./hands.ts";
import { sweep } from "./sweep.ts";
import { openTrials } from "./trials.ts";
import { openUnreturned } from "./unreturned.ts";

export interface AnsweringSettings {
  readonly slots: number;
  readonly perTenant: number;
  readonly slowMs: number;
  readonly sweepMs: number;
  readonly lookAfterMs: number;
  readonly operator: OperatorConfig;
  readonly leaseMs: number;
  readonly graceMs: number;
}

export interface AnsweringDeps {
  readonly store: Store;
  readonly queues: Queues;
  readonly telemetry: Telemetry;
  readonly settings: AnsweringSettings;
  readonly watchdog?: Watchdog;
}

/** How often it is asked whether somebody asks for a trial. */
const trialsMs = 500;
/** How soon a kill switch cuts off a call that is under way. */
const stopsMs = 1_000;
/** A mailbox that could not be looked at for so long is said to be unreachable, and asked again after a while. */
const stuckLooks = { stuckMs: 3_600_000, againMs: 600_000, limit: 1_000 } as const;
/** How long a draft waits for a person, and how often it is asked whether one has waited too long. */
const approvals = { keptMs: 30 * 86_400_000, limit: 1_000 } as const;
const approvalsMs = 600_000;
/** After `stopping`, for what is in hand to go back. */
const givingBackMs = 3_000;

/**
 * Answers what comes in until `draining` aborts and what is in hand has ended; at `stopping` the rest goes back. Resolves
 * once it has joined the answer workers: from then on it bears the absence of whatever it uses.
 */
export async function startAnswering(
  { store, queues, telemetry, settings, watchdog }: AnsweringDeps,
  scope: Scope,
): Promise<Running> {
  const { draining, stopping } = scope;
  /** Aborts what was claimed under an incarnation that has lapsed: others have it. */
  let lapsed = new AbortController();
  const lease = scope.own(
    await joinAsWorker(store.db, {
      app: "answer-worker",
      limits: leaseLimitsOf(settings.leaseMs),
      onLost: (id) => {
        lapsed.abort(new Error("the worker's lease was lost"));
        lapsed = new AbortController();
        telemetry.log.warn({ event: "lease_lost", workerId: id }, "the lease was lost; working on under a new one");
      },
      onError: (error) =>
        telemetry.log.error({ event: "renewal_failed", err: error }, "the lease could not be renewed"),
    }),
    "worker lease",
  );
  telemetry.log.info({ event: "joined", workerId: lease.id }, "joined the answer workers");
  const deps: AnswerDeps = {
    store,
    telemetry,
    parser: scope.own(openParser(), "parser"),
    operator: settings.operator,
    wakeOutbox: (accountUid) => queues.wake(String(accountUid)),
    lookAfterMs: settings.lookAfterMs,
    nowMs: () => lease.databaseNowMs(),
    random: Math.random,
  };
  const unreturned = openUnreturned(store, reportTo(telemetry, "answer"));
  const hands = openHands({
    slots: settings.slots,
    slowMs: settings.slowMs,
    draining,
    claim: (limit) => store.answering.claim(lease.id, limit, settings.perTenant),
    answer: (ticket, { calledOff, onLoaded }) =>
      answerOne({ ...deps, onLoaded }, ticket, AbortSignal.any([stopping, lapsed.signal, calledOff])).catch(
        (error: unknown) => unreturned.add(ticket, error),
      ),
    onError: reportTo(telemetry, "claim"),
  });
  const trials = openTrials(deps, stopping);
  const pulse = watchdog?.watch("sweep", 60_000);
  const ticker = (loop: string, intervalMs: number) => ({
    intervalMs,
    jitter: 0.25,
    signal: draining,
    onError: reportTo(telemetry, loop),
  });

  const loops = Promise.all([
    queues.work("mailfleet-answers", {
      slots: settings.slots,
      draining,
      closeMs: settings.graceMs,
      handle: () => hands.takeNext(),
    }),
    every({ ...ticker("sweep", settings.sweepMs), onTick: () => pulse?.beat() }, async () => {
      await unreturned.giveBack();
      await sweep({ store, telemetry, hands, workerId: lease.id });
    }),
    every(ticker("looks", stuckLooks.againMs / 10), async () => {
      const count = await store.answering.endStuckLooks(stuckLooks);
      if (count > 0) telemetry.log.warn({ event: "looks_stuck", count }, "mailboxes could not be looked at for long");
    }),
    every(ticker("approvals", approvalsMs), async () => {
      const count = await store.answering.expireApprovals(approvals);
      if (count > 0) telemetry.log.warn({ event: "approvals_expired", count }, "nobody approved drafts for long");
    }),
    every(ticker("stops", stopsMs), async () => {
      if (hands.held().length > 0) hands.callOff(await store.answering.stoppedInHand(lease.id));
    }),
    every(ticker("trials", trialsMs), () => trials.take(lease.id)),
  ]);
  const untilDrained = async () => {
    await loops;
    await Promise.race([Promise.all([hands.empty(), trials.empty()]), afterwards(stopping, givingBackMs)]);
  };
  return { ended: untilDrained() };
}

const reportTo = (telemetry: Telemetry, loop: string) => (error: unknown) =>
  telemetry.log.error({ event: "loop_failed", loop, err: error }, "a loop had trouble; it goes on");

/** Resolves `ms` after `signal` has aborted. */
const afterwards = (signal: AbortSignal, ms: number): Promise<void> =>
  new Promise((resolve) => {
    const wait = () => void setTimeout(resolve, ms).unref();
    if (signal.aborted) wait();
    else signal.addEventListener("abort", wait, { once: true });
  });
