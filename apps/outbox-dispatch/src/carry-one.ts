import { accountBackoffMs, type NotAttempted, type SendResult } from "@mailfleet/mail";
import { crashPoint, crashPointAhead } from "@mailfleet/service";
import type { SendingAccount, Transmission } from "@mailfleet/store";
import type { Content } from "@mailfleet/transport";
import { envelopeFor } from "./envelope.ts";
import { recordOf, recordOfVerdict } from "./follow.ts";
import { settle } from "./settle.ts";
import type { OpenLane, TurnDeps, TurnOptions } from "./turn.ts";

/** What became of one claimed delivery. `withheld`: it may not go; `stopped`: the turn had better end. */
export type Carried = "attempted" | "not_attempted" | "withheld" | "blocked" | "stopped";

/**
 * Carries one claimed delivery to its record: connects where that has not happened, promotes, offers, writes down. Whatever
 * goes wrong on the way, the delivery leaves our hands: nothing that a living process has claimed may lie about.
 */
export async function carryOne(
  deps: TurnDeps,
  opened: OpenLane,
  transmission: Transmission,
  { isFirst, onSending }: Pick<TurnOptions, "onSending"> & { readonly isFirst: boolean },
): Promise<Carried> {
  const { outbox, events, now } = deps;
  const { account } = opened;
  let content: Content | undefined;
  try {
    if (isFirst) {
      const refused = await connect(deps, opened);
      if (refused) {
        await outbox.record(recordOf(refused, transmission, contextOf(deps, account)));
        await blockAccount(deps, opened, refused);
        return "blocked";
      }
    }
    content = await outbox.content(transmission);
  } catch (error) {
    void outbox.record(recordOf(lost, transmission, contextOf(deps, account)));
    throw error;
  }

  crashPoint("dispatch-before-promote", transmission.id);
  const verdict = await outbox.promote(transmission); // Committed: from here on it may be in doubt.
  crashPoint("dispatch-after-promote", transmission.id);
  if (verdict !== "go") {
    const record = recordOfVerdict(verdict, transmission);
    if (record) await settle(deps, account, transmission, record);
    events.withheld(account, transmission, verdict, record);
    return verdict === "paused" || verdict === "unknown" ? "stopped" : "withheld";
  }

  const began = now();
  onSending(began);
  const result = await offer(deps, opened, transmission, content);
  onSending(undefined);
  const durationMs = now() - began;
  const record = recordOf(result, transmission, contextOf(deps, account), durationMs);
  const settled = settle(deps, account, transmission, record);
  crashPoint("dispatch-after-record-queued", transmission.id);
  events.attempted(account, transmission, result, record, durationMs, outbox.databaseNowMs());
  // What went well is committed together with whatever comes next; only what does not go on by itself is waited for.
  if (result.kind === "success") settled.catch(events.failed);
  else await settled;

  if (result.kind !== "not_attempted") return "attempted";
  if (!result.blocksAccount) return "not_attempted";
  await blockAccount(deps, opened, result);
  return "blocked";
}

/** Sends one message. No transaction is open: a slow next hop must hold no lock on our tables. */
async function offer(
  { outbox, sign, events }: TurnDeps,
  { account, nextHop }: OpenLane,
  transmission: Transmission,
  content: Content | undefined,
): Promise<SendResult> {
  if (!content) return { kind: "permanent_error", status: "5.3.0", reason: "its content is gone" };
  let mayHaveIt = false;
  const mayFinish = () => {
    crashPoint("dispatch-before-final-dot", transmission.id);
    if (!outbox.holds(transmission.workerId)) return false;
    crashPointAhead("dispatch-after-final-dot", transmission.id);
    mayHaveIt = true;
    return true;
  };
  try {
    const [result] = await nextHop.send(envelopeFor(account, transmission, sign), content, mayFinish);
    crashPoint("dispatch-after-send", transmission.id);
    return result as SendResult;
  } catch (error) {
    // Not what a next hop does, but a fault of ours; charged, or it would be met again for ever.
    events.failed(error);
    return { kind: mayHaveIt ? "in_doubt" : "transient_error", status: "4.3.0", reason: "trouble of our own" };
  }
}

/** Opens the connection where it is not open; the first one that opens ends the account's trouble. */
async function connect(
  { outbox, events }: TurnDeps,
  { lane, account, nextHop }: OpenLane,
): Promise<NotAttempted | undefined> {
  const refused = await nextHop.connect();
  if (refused || lane.failures === 0) return refused;
  await outbox.unblock(account.uid);
  events.unblocked(account);
  return undefined;
}

export async function blockAccount(
  deps: TurnDeps,
  { lane, account }: Pick<OpenLane, "lane" | "account">,
  refused: NotAttempted,
): Promise<void> {
  const delayMs = accountBackoffMs(lane.failures + 1, deps.random, refused.trouble);
  const { status, reason } = refused;
  const isFirst = await deps.outbox.block(lane, { delayMs, status, reason });
  if (isFirst) deps.events.blocked(account, refused, delayMs);
  if (refused.trouble === "authentication") await deps.forgetToken(account);
}

/** It was not offered, for trouble of our own. */
const lost: NotAttempted = {
  kind: "not_attempted",
  status: "4.3.0",
  reason: "trouble of our own",
  blocksAccount: false,
};

const contextOf = ({ outbox, random }: TurnDeps, { retry }: SendingAccount) => ({
  nowMs: outbox.databaseNowMs(),
  retry,
  random,
});
