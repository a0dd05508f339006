import { TLSSocket } from "node:tls";
import { type Ending, judge, parseReply, type SmtpReply } from "@mailfleet/mail";
import { type Conversation, converse } from "./conversation.ts";
import type { NextHopSettings } from "./next-hop.ts";
import { openSession, type Session } from "./session.ts";
import { defaultTimeLimits, type TimeLimits } from "./time-limits.ts";

/** What is tried, in this order; the first five must go well for mail to leave at all. */
export type VerifyStep = "dns" | "connect" | "tls" | "greeting" | "login" | "null_reverse_path" | "foreign_sender";

export interface VerifiedStep {
  readonly step: VerifyStep;
  readonly ok: boolean;
  /** For people. */
  readonly detail: string;
}

export interface NextHopReport {
  /** Mail can leave; the last two steps only say which mail. */
  readonly ok: boolean;
  readonly steps: readonly VerifiedStep[];
  readonly extensions: readonly string[];
  readonly authMechanisms: readonly string[];
  /** What SIZE announced; absent where it announced no limit. */
  readonly sizeLimitBytes?: number;
  readonly tls?: { readonly version: string; readonly certificateExpiresAt?: Date };
  /** Whether DSNs and bounces can leave here. Absent where it could not be asked. */
  readonly acceptsNullReversePath?: boolean;
  /** Whether senders of other domains may be used. Absent where it could not be asked. */
  readonly acceptsForeignSender?: boolean;
}

export interface VerifyOptions {
  /** A sender that is not the account's own. */
  readonly foreignSender?: string;
  readonly timeLimits?: Partial<TimeLimits>;
}

/** Tries an account's next hop as far as it goes without sending anything: each MAIL is taken back with RSET. */
export async function verifyNextHop(settings: NextHopSettings, options: VerifyOptions = {}): Promise<NextHopReport> {
  const limits = { ...defaultTimeLimits, ...options.timeLimits };
  const opened = await openSession(settings, limits);
  if (!opened.ok) {
    return { ok: false, steps: stepsUntil(opened.ending, settings), extensions: [], authMechanisms: [] };
  }
  const { session } = opened;
  const steps = wentWell(settings, session);
  const conversation = converse(session.socket, limits);
  try {
    const asked = async (step: VerifyStep, sender: string) => {
      const answer = await trySender(conversation, sender, limits);
      steps.push({ step, ok: answer.accepted === true, detail: answer.detail });
      return answer.accepted;
    };
    const nullPath = await asked("null_reverse_path", "");
    const foreign = await asked("foreign_sender", options.foreignSender ?? "probe@mailfleet-probe.example");
    return {
      ok: true,
      steps,
      extensions: [...session.extensions],
      authMechanisms: session.authMechanisms,
      ...(session.sizeLimitBytes === undefined ? {} : { sizeLimitBytes: session.sizeLimitBytes }),
      ...tlsOf(session),
      ...(nullPath === undefined ? {} : { acceptsNullReversePath: nullPath }),
      ...(foreign === undefined ? {} : { acceptsForeignSender: foreign }),
    };
  } finally {
    await conversation.quit();
  }
}

interface SenderAnswer {
  readonly accepted: boolean | undefined;
  readonly detail: string;
}

async function trySender(conversation: Conversation, sender: string, limits: TimeLimits): Promise<SenderAnswer> {
  const reply = await ask(conversation, `MAIL FROM:<${sender}>`, limits.commandMs);
  if (!reply) return { accepted: undefined, detail: "the connection ended before an answer" };
  if (reply.code < 300) await ask(conversation, "RSET", limits.commandMs);
  // 4yz is no answer to whether it would be accepted.
  const accepted = reply.code < 300 ? true : reply.code >= 500 ? false : undefined;
  return { accepted, detail: `${reply.code} ${reply.status} ${reply.text}` };
}

function ask(conversation: Conversation, command: string, limitMs: number): Promise<SmtpReply | undefined> {
  if (conversation.broken) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const heard = (reply: SmtpReply | undefined) => {
      conversation.speaker = undefined;
      conversation.deadline.clear();
      resolve(reply);
    };
    conversation.speaker = { onReply: (_code, text) => heard(parseReply(text)), onBroken: () => heard(undefined) };
    conversation.deadline.set(limitMs);
    conversation.say(`${command}\r\n`);
  });
}

const stepOfPhase: Partial<Record<Ending["phase"], VerifyStep>> = {
  dns: "dns",
  connect: "connect",
  tls: "tls",
  greeting: "greeting",
  ehlo: "greeting",
  auth: "login",
};

/** The steps that this account takes, in the order in which they happen. */
function stepsOf({ security, auth }: NextHopSettings): VerifyStep[] {
  const greeting: VerifyStep[] =
    security === "tls" ? ["tls", "greeting"] : security === "starttls" ? ["greeting", "tls"] : ["greeting"];
  return ["dns", "connect", ...greeting, ...(auth ? (["login"] as const) : [])];
}

function stepsUntil(ending: Ending, settings: NextHopSettings): VerifiedStep[] {
  const failed = stepOfPhase[ending.phase] ?? "connect";
  const result = judge(ending);
  const reason = result.kind === "success" ? "" : result.reason;
  const order = stepsOf(settings);
  const before = order.slice(0, Math.max(0, order.indexOf(failed)));
  return [...before.map((step) => ({ step, ok: true, detail: "ok" })), { step: failed, ok: false, detail: reason }];
}

function wentWell(settings: NextHopSettings, session: Session): VerifiedStep[] {
  const { tls } = tlsOf(session);
  return stepsOf(settings).map((step) => ({ step, ok: true, detail: (step === "tls" && tls?.version) || "ok" }));
}

function tlsOf({ socket }: Session): Pick<NextHopReport, "tls"> {
  if (!(socket instanceof TLSSocket)) return {};
  const expiresAt = new Date(socket.getPeerCertificate().valid_to);
  const known = !Number.isNaN(expiresAt.getTime());
  return {
    tls: { version: socket.getProtocol() ?? "unknown", ...(known ? { certificateExpiresAt: expiresAt } : {}) },
  };
}
