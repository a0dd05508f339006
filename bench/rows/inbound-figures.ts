/** The rows of mail that comes in: which aim each measurement is held against. */
import { type Figure, median } from "../figure.ts";
import type { AnswerLatency, Spread } from "./answer-latency.ts";
import type { Idle, IdleMailboxes, Skipped } from "./idle-mailboxes.ts";
import type { Takeover } from "./takeover.ts";

/** One line for plain connections and one for TLS, which is what most mailboxes need. */
export function idleFigures(found: IdleMailboxes | Skipped): Figure[] {
  const line = (over: string) => ({
    row: 10,
    name: `memory per idle watched mailbox, ${over}`,
    aim: { atMost: 100 },
    unit: " KB",
  });
  if ("skipped" in found) return [{ ...line("plain and TLS"), detail: found.skipped }];
  const { mailboxes, loginsPerSecond, plain, tls, bytesPerBareTlsSocket } = found;
  const detail = ({ none, all, followedAgainSeconds, firstFollowedSeconds }: Idle) =>
    `${mb(none.residentBytes)} MB with none, ${mb(all.residentBytes)} MB with ${mailboxes.toLocaleString("en")}; followed within ${firstFollowedSeconds.toFixed(0)} s, again ${followedAgainSeconds.toFixed(0)} s after their server restarted, at ${loginsPerSecond} logins/s at most`;
  const alone = `a TLS socket of Node's alone takes ${kb(bytesPerBareTlsSocket)} KB`;
  return [
    { ...line("plain"), measured: plain.bytesPerMailbox / 1_000, detail: detail(plain) },
    { ...line("over TLS"), measured: tls.bytesPerMailbox / 1_000, detail: `${detail(tls)}; ${alone}` },
  ];
}

export function takeoverFigure({ mailboxes, ownedSeconds, followedSeconds, victims }: Takeover): Figure {
  const text = (seconds: readonly number[]) =>
    `median ${median(seconds).toFixed(1)} s, at most ${Math.max(...seconds).toFixed(1)} s`;
  const detail = `${mailboxes} mailboxes, ${ownedSeconds.length} kills of one of two watchers (with ${victims.join(", ")} of them): owned ${text(ownedSeconds)}; followed again ${text(followedSeconds)}`;
  const name = "a killed watcher's mailboxes have an owner again, the slowest";
  return { row: 11, name, aim: { atMost: 10 }, unit: " s", measured: Math.max(...ownedSeconds), detail };
}

export function answerFigure(found: AnswerLatency): Figure {
  const text = ({ p50Ms, p95Ms }: Spread) => `${p50Ms.toFixed(0)} and ${p95Ms.toFixed(0)}`;
  const stages = `recorded ${text(found.recorded)}, answered ${text(found.answered)}, arrived ${text(found.arrived)}`;
  const reference = `a bare IDLE heard of it after ${text(found.noticed)}, and the answer came ${text(found.afterNotice)} after that`;
  const detail = `p50 and p95 in ms of ${found.samples}: ${stages}; ${reference}`;
  const name = "LMTP delivery to a watched mailbox → answer, median";
  return { row: 12, name, aim: { atMost: 1 }, unit: " s", measured: found.arrived.p50Ms / 1_000, detail };
}

const kb = (bytes: number) => (bytes / 1_000).toFixed(0);
const mb = (bytes: number) => (bytes / 1e6).toFixed(0);
