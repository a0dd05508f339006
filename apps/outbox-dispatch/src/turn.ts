import type { NotAttempted } from "@mailfleet/mail";
import { crashPoint } from "@mailfleet/service";
import type { Lane, SendingAccount } from "@mailfleet/store";
import type { NextHop } from "@mailfleet/transport";
import type { AccountQueue, AccountQueues } from "./account-queue.ts";
import { blockAccount, carryOne } from "./carry-one.ts";
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
  /** The next hop refused what the account logs in with: a token that is kept may have been withdrawn. */
  readonly forgetToken: (account: SendingAccount) => Promise<void>;
  readonly ehloName: string;
  /** Signs the names of deliveries in reverse-paths. */
  readonly sign: (text: string) => Uint8Array;
  readonly random: () => number;
  readonly now: () => number;
}

export interface TurnOptions {
  readonly express: boolean;
  /** Whether the turn may take another message, now that it has carried `messages` for `ms`. */
  readonly mayGoOn: (messages: number, ms: number) => boolean | Promise<boolean>;
  /** Told now and then while there is more than one lane carries. */
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

/** A turn that goes on looks this often whether its lane and account are what they were, and whether it needs company. */
const lookMs = 1_000;

/**
 * One turn: a bounded share of an account's due mail, over one connection.
 *
 * Taking it twice is harmless: the second finds no free lane, or no mail. A crash leaves the worker's lease to lapse; what
 * was not yet offered goes back free of charge.
 */
export async function takeTurn(deps: TurnDeps, accountUid: number, options: TurnOptions): Promise<TurnEnd> {
  const { queues, parked } = deps;
  const opened = (await takeParked(deps, accountUid)) ?? (await openLane(deps, accountUid));
  if (typeof opened === "string") return opened;

  const queue = queues.join(accountUid, options.express);
  let end: TurnEnd = "trouble";
  try {
    end = await carry(deps, opened, queue, options);
    return end;
  } finally {
    queue.leave();
    const isWorthKeeping =
      (end === "empty" || end === "more") && opened.nextHop.usable && (await standing(deps, opened)) === "current";
    if (!isWorthKeeping || !parked.keep(opened, opened.account.maxConnections)) await close(deps, opened);
  }
}

async function close({ outbox }: TurnDeps, { lane, nextHop }: OpenLane): Promise<void> {
  await nextHop[Symbol.asyncDispose]();
  await outbox.releaseLane(lane);
}

/** Whether a lane is still ours, and its connection what the account wants now. */
async function standing({ outbox }: TurnDeps, { lane, account }: OpenLane): Promise<"current" | "changed" | "lost"> {
  if (!outbox.holds(lane.workerId)) return "lost";
  const now = await outbox.account(account.uid).catch(() => undefined);
  return now?.revision === account.revision ? "current" : "changed";
}

async function takeParked(deps: TurnDeps, accountUid: number): Promise<OpenLane | undefined> {
  const kept = deps.parked.take(accountUid);
  if (!kept || (await standing(deps, kept)) === "current") return kept;
  await close(deps, kept);
  return undefined;
}

async function openLane(deps: TurnDeps, accountUid: number): Promise<OpenLane | TurnEnd> {
  const { outbox, openNextHop } = deps;
  const leased = await outbox.leaseLane(accountUid);
  if (leased.kind !== "leased") return leased.kind;
  const { lane } = leased;
  crashPoint("dispatch-after-lane");
  let isOpen = false;
  try {
    const account = await outbox.account(accountUid, lane.revision);
    if (!account) return "gone";
    const nextHop = await openNextHop(account);
    isOpen = !("kind" in nextHop);
    if (!("kind" in nextHop)) return { lane, account, nextHop };
    await blockAccount(deps, { lane, account }, nextHop);
    return "blocked";
  } finally {
    if (!isOpen) await outbox.releaseLane(lane);
  }
}

async function carry(deps: TurnDeps, opened: OpenLane, queue: AccountQueue, options: TurnOptions): Promise<TurnEnd> {
  const { now } = deps;
  const { nextHop } = opened;
  const began = now();
  let lookedAt = began;
  let grewAt = Number.NEGATIVE_INFINITY;
  let messages = 0;
  let notAttempted = 0;

  for (;;) {
    // Asked first, so that a turn that may not go on claims nothing it would have to give back.
    if (messages > 0 && !(await options.mayGoOn(messages, now() - began))) return queue.hasMore ? "more" : "empty";
    if (now() - lookedAt >= lookMs) {
      lookedAt = now();
      const how = await standing(deps, opened);
      if (how !== "current") return how === "lost" ? "trouble" : "more";
    }
    const transmission = await queue.next();
    if (!transmission) return "empty";
    if (queue.isFull && now() - grewAt >= lookMs) {
      grewAt = now();
      options.onMore();
    }

    const carried = await carryOne(deps, opened, transmission, {
      isFirst: messages === 0,
      onSending: options.onSending,
    }).finally(() => queue.settled(transmission));
    messages++;
    switch (carried) {
      case "blocked":
        return "blocked";
      case "withheld":
        continue;
      case "stopped":
        return "trouble";
      case "attempted":
        notAttempted = 0;
        break;
      case "not_attempted":
        if (++notAttempted >= maxNotAttempted) return "trouble";
    }
    if (!nextHop.usable) return "more";
  }
}
