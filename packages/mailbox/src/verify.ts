import type { Abilities } from "./abilities.ts";
import type { Login, ServerSettings } from "./line.ts";
import { type OpenOptions, openMailbox } from "./session.ts";
import { MailboxTroubleError, type Trouble, type TroubleKind } from "./trouble.ts";

/** What is tried, in this order. */
export type MailboxVerifyStep = "connect" | "tls" | "login" | "folder";

export interface VerifiedMailboxStep {
  readonly step: MailboxVerifyStep;
  readonly ok: boolean;
  /** For people. */
  readonly detail: string;
}

export interface MailboxReport {
  /** The mailbox can be followed. */
  readonly ok: boolean;
  readonly steps: readonly VerifiedMailboxStep[];
  /** Present where it did not go well. */
  readonly trouble?: Trouble;
  readonly capabilities?: readonly string[];
  readonly abilities?: Abilities;
  /** How it will be followed: a server without IDLE is polled. */
  readonly following?: "idle" | "poll";
  readonly folder?: { readonly messages: number; readonly uidValidity: number; readonly isReadOnly: boolean };
  /** Where answers would be appended; absent where the server has no such folder. */
  readonly sentFolder?: string;
  readonly draftsFolder?: string;
}

/** Logs in and looks at the folder, without changing anything. */
export async function verifyMailbox(
  settings: ServerSettings,
  login: Login,
  options: Omit<OpenOptions, "readOnly">,
): Promise<MailboxReport> {
  const opened = await openMailbox(settings, login, options);
  if (!opened.ok) return failedReport(settings, opened.trouble);
  await using session = opened.session;
  try {
    const { folder, abilities, capabilities, following } = session;
    const sentFolder = await session.findSpecialFolder("\\Sent");
    const draftsFolder = await session.findSpecialFolder("\\Drafts");
    const isNamed = (found: typeof sentFolder): found is string => typeof found === "string";
    return {
      ok: true,
      steps: stepsOf(settings).map((step) => ({ step, ok: true, detail: "ok" })),
      capabilities,
      abilities,
      following,
      folder: { messages: folder.exists, uidValidity: Number(folder.uidValidity), isReadOnly: folder.readOnly },
      ...(isNamed(sentFolder) ? { sentFolder } : {}),
      ...(isNamed(draftsFolder) ? { draftsFolder } : {}),
    };
  } catch (error) {
    if (error instanceof MailboxTroubleError) return failedReport(settings, error.trouble);
    throw error;
  }
}

/** The report where something is known to be in the way before anybody connects. */
export function failedReport(settings: Pick<ServerSettings, "security">, trouble: Trouble): MailboxReport {
  const order = stepsOf(settings);
  const step = order.includes(stepOf[trouble.kind]) ? stepOf[trouble.kind] : "connect";
  const before = order.slice(0, order.indexOf(step)).map((one) => ({ step: one, ok: true, detail: "ok" }));
  return { ok: false, steps: [...before, { step, ok: false, detail: trouble.detail }], trouble };
}

const stepOf: Readonly<Record<TroubleKind, MailboxVerifyStep>> = {
  unreachable: "connect",
  tls: "tls",
  throttled: "login",
  authentication: "login",
  unsupported: "login",
  protocol: "folder",
  folder_missing: "folder",
};

const stepsOf = ({ security }: Pick<ServerSettings, "security">): readonly MailboxVerifyStep[] =>
  security === "none" ? ["connect", "login", "folder"] : ["connect", "tls", "login", "folder"];
