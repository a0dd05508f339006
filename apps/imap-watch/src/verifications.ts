import { failedReport, type MailboxReport, verifyMailbox } from "@mailfleet/mailbox";
import { monotonicClock } from "@mailfleet/service";
import type { Store } from "@mailfleet/store";
import type { WatchSettings } from "./config.ts";
import { credentialsOf } from "./credentials.ts";

export interface VerificationDeps {
  readonly store: Pick<Store, "questions" | "mailboxes" | "accessTokens" | "following">;
  readonly settings: Pick<WatchSettings, "loginsPerSecond">;
  readonly workerId: () => number;
}

/** What is answered: whether the mailbox can be followed, and if not, why. */
export type Verification = Omit<MailboxReport, "trouble"> & { readonly code?: string; readonly detail?: string };

const verificationsAtOnce = 4;
/** How long the turn to log in is waited for. */
const turnLimitMs = 5_000;
/** A server that says nothing must not keep somebody waiting at the API. */
const timeLimits = { connectMs: 5_000, greetingMs: 5_000, loginMs: 8_000, commandMs: 8_000 };

/** Answers what was asked: logs in to mailboxes and says what their servers can do. */
export async function answerVerifications(deps: VerificationDeps, signal: AbortSignal): Promise<void> {
  const { store, workerId } = deps;
  const asked = await store.questions.take("verify", workerId(), verificationsAtOnce);
  await Promise.all(
    asked.map(async ({ id, mailboxUid }) => {
      await store.questions.answer(id, await verify(deps, mailboxUid, signal));
    }),
  );
}

async function verify(
  { store, settings: { loginsPerSecond }, workerId }: VerificationDeps,
  mailboxUid: number,
  signal: AbortSignal,
): Promise<Verification> {
  // What was put a moment ago is what is asked about, so that nothing remembered will do.
  const mailbox = await store.mailboxes.open(mailboxUid, Number.POSITIVE_INFINITY);
  if (!mailbox) return { ok: false, code: "mailbox_not_found", detail: "the mailbox is gone", steps: [] };
  const { settings } = mailbox;
  // Who asks often would else be let past the line in which the fleet's logins at a host wait.
  const turnMs = await store.following.reserveLogin(settings.host, 1_000 / loginsPerSecond, turnLimitMs);
  if (turnMs === undefined) {
    const detail = "many of our logins wait for their turn at this host; ask again later";
    return flat(failedReport(settings, { kind: "throttled", code: "LOGIN_TURN", detail }));
  }
  if (turnMs > 0) await monotonicClock.sleep(turnMs, signal);
  const credentials = await credentialsOf(store, mailbox, workerId(), signal);
  if (credentials.kind === "trouble") return flat(failedReport(settings, credentials.trouble));
  const { folder, mode, pollIntervalMs } = settings;
  return flat(await verifyMailbox(settings, credentials.login, { folder, mode, pollIntervalMs, timeLimits }));
}

function flat({ trouble, ...report }: MailboxReport): Verification {
  return trouble === undefined
    ? report
    : { ...report, code: trouble.kind, detail: `${trouble.code}: ${trouble.detail}` };
}
