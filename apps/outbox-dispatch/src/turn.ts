import { accountBackoffMs, type NotAttempted, type SendResult } from "@mailfleet/mail";
import { crashPoint, crashPointAhead } from "@mailfleet/service";
import type { DeliveryRecord, Lane, SendingAccount, Transmission } from "@mailfleet/store";
import type { NextHop } from "@mailfleet/transport";
import type { AccountQueue, AccountQueues } from "./account-queue.ts";
import { envelopeFor } from "./envelope.ts";
import { recordOf, recordOfVerdict } from "./follow.ts";
import { notificationOf, owesNotification } from "./notification.ts";
import type { Outbox } from "./outbox.ts";
import type { ParkedLanes } from "./parked-lanes.ts";
import type { TurnEvents } from "./turn-events.ts";

export interface TurnDeps {
  readonly outbox: Outbox;
  readonly queues: AccountQueues;
  readonly parked: ParkedLanes;
  readonly events: TurnEvents;
  /** Opens nothing yet; the account's settings are enough. */
  readonly openNextHop: (account: SendingAccount) => Promise<NextHop | NotAttempted>;
  readonly ehloName: string;
  readonly random: () => number;
  readonly now: () => number;
}

export interface TurnOptions {
  readonly express: boolean;
  /** Whether the turn may take another message, now that it has carried `messages` for `ms`. */
  readonly mayGoOn: (messages: number, ms: number) => boolean | Promise<boolean>;
  /** Told of the first full claim: there is more than one lane carries. */
  readonly onMore: () => void;
  /** When the message in hand was begun (`now`), or undefined between messages. */
  readonly onSending: (since: number | undefined) => void;
}

/** Why a turn ended. `more`: its bound was reached while mail waits; `blocked` and `full`: there was no lane to be had. */
export type TurnEnd = "empty" | "more" | "full" | "blocked" | "gone" | "trouble";

/** A lane with its connection; it lives on between turns for a moment, if the account has lanes to spare. */
export interface OpenLane {
  readonly lane: Lane;
  readonly account: SendingAccount;
  readonly nextHop: NextHop;
}

/** Consecutive times that nothing could be attempted, for no fault of the account's, before a turn gives up its connection. */
const maxNotAttempted = 3;

/**
 * One turn: a bounded share of an account's due mail, over one connection.
 *
 * Taking it twice is harmless: the second finds no free lane, or no mail. A crash leaves the worker's lease to lapse; what
 * was not yet offered goes back free of charge.
 */
export async function takeTurn(deps: TurnDeps, accountUid: number, options: TurnOptions): Promise<TurnEnd> {
  const { outbox, queues, parked } = deps;
  const opened = parked.take(accountUid) ?? (await openLane(deps, accountUid));
  if (typeof opened === "string") return opened;

  const queue = queues.join(accountUid, options.express);
  let end: TurnEnd = "trouble";
  try {
    end = await carry(deps, opened, queue, options);
    return end;
  } finally {
    queue.leave();
    const { lane, account, nextHop } = opened;
    const isWorthKeeping = (end === "empty" || end === "more") && nextHop.usable && outbox.holds(lane.workerId);
    if (!isWorthKeeping || !parked.keep(opened, account.maxConnections)) {
      await nextHop[Symbol.asyncDispose]();
      await outbox.releaseLane(lane);
    }
  }
}

async function openLane(deps: TurnDeps, accountUid: number): Promise<OpenLane | TurnEnd> {
  const { outbox, openNextHop } = deps;
  const leased = await outbox.leaseLane(accountUid);
  if (leased.kind !== "leased") return leased.kind;
  const { lane } = leased;
  crashPoint("dispatch-after-lane");
  const account = await outbox.account(accountUid);
  if (!account) return "gone";
  const nextHop = await openNextHop(account);
  if (!("kind" in nextHop)) return { lane, account, nextHop };
  await blockAccount(deps, { lane, account }, nextHop);
  await outbox.releaseLane(lane);
  return "blocked";
}

async function carry(deps: TurnDeps, opened: OpenLane, queue: AccountQueue, options: TurnOptions): Promise<TurnEnd> {
  const { outbox, events, now } = deps;
  const { lane, account, nextHop } = opened;
  const began = now();
  let messages = 0;
  let notAttempted = 0;
  let asked = false;

  for (;;) {
    // Asked first, so that a turn that may not go on claims nothing it would have to give back.
    if (messages > 0 && !(await options.mayGoOn(messages, now() - began))) return queue.hasMore ? "more" : "empty";
    const transmission = await queue.next();
    if (!transmission) return "empty";
    if (!asked && queue.hasMore) {
      asked = true;
      options.onMore();
    }
    if (messages === 0) {
      const refused = await nextHop.connect();
      if (refused) {
        await outbox.record({ ...recordOf(refused, transmission, contextOf(deps, account)) });
        queue.settled(transmission);
        await blockAccount(deps, opened, refused);
        return "blocked";
      }
      if (lane.failures > 0) {
        await outbox.unblock(account.uid);
        events.unblocked(account);
      }
    }
    messages++;

    crashPoint("dispatch-before-promote", transmission.id);
    const verdict = await outbox.promote(transmission); // Committed: from here on it may be in doubt.
    crashPoint("dispatch-after-promote", transmission.id);
    if (verdict !== "go") {
      const record = recordOfVerdict(verdict, transmission);
      if (record) await settle(deps, opened, transmission, record);
      queue.settled(transmission);
      events.withheld(account, transmission, verdict, record);
      if (verdict === "paused" || verdict === "unknown") return "trouble";
      continue;
    }

    options.onSending(now());
    const result = await offer(deps, opened, transmission);
    options.onSending(undefined);
    queue.settled(transmission);

    if (result.kind !== "not_attempted") notAttempted = 0;
    else if (result.blocksAccount) {
      await blockAccount(deps, opened, result);
      return "blocked";
    } else if (++notAttempted >= maxNotAttempted || !nextHop.usable) return "trouble";
    if (!nextHop.usable) return queue.hasMore ? "more" : "empty";
  }
}

/** Sends one message and sees to its record. No transaction is open: a slow next hop must hold no lock on our tables. */
async function offer(deps: TurnDeps, opened: OpenLane, transmission: Transmission): Promise<SendResult> {
  const { outbox, events, now } = deps;
  const { account, nextHop } = opened;
  const began = now();
  const content = transmission.bytes
    ? { sizeBytes: transmission.sizeBytes, bytes: transmission.bytes }
    : await outbox.content(transmission);
  const mayFinish = () => {
    crashPoint("dispatch-before-final-dot", transmission.id);
    if (!outbox.holds(transmission.workerId)) return false;
    crashPointAhead("dispatch-after-final-dot", transmission.id);
    return true;
  };
  const result: SendResult = content
    ? ((await nextHop.send(envelopeFor(account, transmission), content, mayFinish))[0] as SendResult)
    : { kind: "permanent_error", status: "5.3.0", reason: "its content is gone" };
  crashPoint("dispatch-after-send", transmission.id);
  const durationMs = now() - began;
  const record = recordOf(result, transmission, contextOf(deps, account), durationMs);
  const settled = settle(deps, opened, transmission, record);
  crashPoint("dispatch-after-record-queued", transmission.id);
  events.attempted(account, transmission, result, record, durationMs, outbox.databaseNowMs());
  // What went well is committed together with whatever comes next; only what does not go on by itself is waited for.
  if (result.kind === "success") settled.catch(events.failed);
  else await settled;
  return result;
}

/** Records what happened; with a dead letter that came by SMTP, its DSN is accepted in the same transaction. */
async function settle(
  deps: TurnDeps,
  opened: OpenLane,
  transmission: Transmission,
  record: DeliveryRecord,
): Promise<void> {
  const { outbox, ehloName } = deps;
  if (!owesNotification(transmission, record)) return outbox.record(record);
  await outbox.record(record, await notificationFor(outbox, opened.account, ehloName, transmission, record));
}

/** The DSN for a dead letter of this account. */
export async function notificationFor(
  outbox: Outbox,
  account: SendingAccount,
  reportingMta: string,
  transmission: Transmission,
  record: DeliveryRecord,
) {
  const content = await outbox.content(transmission);
  const original = content && "bytes" in content ? content.bytes : new Uint8Array();
  const nowMs = outbox.databaseNowMs();
  return notificationOf(transmission, record, {
    account: account.id,
    original,
    reportingMta,
    host: account.settings.host,
    nowMs,
  });
}

async function blockAccount(
  deps: TurnDeps,
  { lane, account }: Pick<OpenLane, "lane" | "account">,
  refused: NotAttempted,
): Promise<void> {
  const delayMs = accountBackoffMs(lane.failures + 1, deps.random, refused.trouble);
  const { status, reason } = refused;
  const isFirst = await deps.outbox.block(lane, { delayMs, status, reason });
  if (isFirst) deps.events.blocked(account, refused, delayMs);
}

const contextOf = ({ outbox, random }: TurnDeps, { retry }: SendingAccount) => ({
  nowMs: outbox.databaseNowMs(),
  retry,
  random,
});
