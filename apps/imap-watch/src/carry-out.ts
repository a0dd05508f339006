import type { DeedOutcome, MayAct, Refusal, Session, SpecialUse } from "@mailfleet/mailbox";
import type { ActionOutcome, DueAction } from "@mailfleet/store";

/** How often an action is tried before it is given up. */
const triesPerAction = 10;
const firstRetryMs = 15_000;
const maxRetryMs = 3_600_000;

/** What such folders are called where no folder says that it is one. */
const usualNames: Readonly<Partial<Record<string, string>>> = { "\\Sent": "Sent", "\\Drafts": "Drafts" };

/** The folders of special uses, looked up once for a connection. */
export class SpecialFolders {
  readonly #session: Session;
  readonly #found = new Map<string, string>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** A path as it is; `\Sent` and the like as the server calls it, or else by its usual name. */
  async find(name: string): Promise<string | Refusal> {
    if (!name.startsWith("\\")) return name;
    const known = this.#found.get(name);
    if (known !== undefined) return known;
    const found = (await this.#session.findSpecialFolder(name as SpecialUse)) ?? usualNames[name] ?? name;
    if (typeof found === "string") this.#found.set(name, found);
    return found;
  }
}

export interface Circumstances {
  readonly mayAct: MayAct;
  /** Whether the whole folder was looked through under its present UIDVALIDITY. */
  readonly isReconciled: boolean;
  /** Reads the message that lies there, and keeps its content. */
  readonly readAgain: (uid: number, inboundUid: string) => Promise<ActionOutcome>;
}

/**
 * Does what is to be done in a mailbox. Done twice, it has happened once. Undefined where `mayAct`, asked right before
 * anything is changed, says no. Rejects when the connection ends.
 */
export async function carryOut(
  session: Session,
  folders: SpecialFolders,
  { action, inbound, tries }: DueAction,
  { mayAct, isReconciled, readAgain }: Circumstances,
): Promise<ActionOutcome | undefined> {
  if (action.kind === "append") {
    const to = await folders.find(action.folder);
    if (typeof to !== "string") return refusedOutcome(to, tries);
    const { messageId, flags, bytes } = action;
    return outcomeOf(await session.appendOnce({ to, messageId, flags, bytes: Buffer.from(bytes), mayAct }), tries);
  }
  if (inbound === undefined) return { kind: "given_up", trouble: "there is no message that it is about" };
  if (inbound.isElsewhere) {
    return { kind: "given_up", trouble: "the mailbox's host, user or folder was changed since the message was taken" };
  }
  const whereabouts = await locate(session, inbound);
  if (whereabouts.kind === "unsure") {
    // Who looks through the whole folder notes where each known message lies now. One that was not met has no other trace.
    const isLost = isReconciled && inbound.messageId === null && inbound.folder === session.folder.path;
    return refusedOutcome(whereabouts, isLost ? triesPerAction : tries);
  }
  const uid = whereabouts.kind === "at" ? whereabouts.uid : undefined;
  if (action.kind === "look") return look(session, folders, uid, inbound.messageId, tries);
  if (uid === undefined) return outcomeOf({ kind: "gone" }, tries);
  if (action.kind === "fetch") return readAgain(uid, inbound.uid);
  if (action.kind === "flags") return outcomeOf(await session.changeFlags(uid, { add: action.add }, mayAct), tries);
  const { messageId } = inbound;
  return outcomeOf(await session.move(uid, action.to, { mayAct, ...(messageId ? { messageId } : {}) }), tries);
}

type Whereabouts =
  | { readonly kind: "at"; readonly uid: number }
  /** The server has looked, and it is not in its folder any more. */
  | { readonly kind: "gone" }
  /** Nobody can say: only evidence makes a message one that has gone. */
  | { readonly kind: "unsure"; readonly code: string; readonly detail: string };

/**
 * Where the message lies now. After a renumbering it is found by its Message-ID, where just one has it; of several the
 * next look at the whole folder notes which is which.
 */
async function locate(
  session: Session,
  { folder, uidValidity, imapUid, messageId }: NonNullable<DueAction["inbound"]>,
): Promise<Whereabouts> {
  const isSameFolder = folder === session.folder.path;
  if (isSameFolder && BigInt(uidValidity) === session.folder.uidValidity) return { kind: "at", uid: imapUid };
  const unsure = (code: string, detail: string): Whereabouts => ({ kind: "unsure", code, detail });
  if (messageId === null) return unsure("RENUMBERED", "the message has no Message-ID to be found by");
  const found = await session.withMessageId(messageId);
  if (!found.ok) return unsure(found.code, found.detail);
  const [uid, another] = found.value;
  if (another !== undefined) return unsure("AMBIGUOUS", "several messages have its Message-ID");
  if (uid !== undefined) return { kind: "at", uid };
  return isSameFolder ? { kind: "gone" } : unsure("OTHER_FOLDER", `the message lay in ${folder}`);
}

async function look(
  session: Session,
  folders: SpecialFolders,
  uid: number | undefined,
  messageId: string | null,
  tries: number,
): Promise<ActionOutcome> {
  const places = uid === undefined ? undefined : await session.places([uid]);
  if (places && !places.ok) return refusedOutcome(places, tries);
  const place = places?.value[0];
  const isReplied = messageId === null ? false : await hasReply(session, folders, messageId);
  if (typeof isReplied !== "boolean") return refusedOutcome(isReplied, tries);
  return { kind: "looked", flags: place?.flags ?? [], isReplied, isGone: place === undefined };
}

async function hasReply(session: Session, folders: SpecialFolders, messageId: string): Promise<boolean | Refusal> {
  const sent = await folders.find("\\Sent");
  return typeof sent === "string" ? session.hasReply(sent, messageId) : sent;
}

export function outcomeOf(outcome: DeedOutcome, tries: number): ActionOutcome | undefined {
  switch (outcome.kind) {
    case "done":
      return { kind: "done" };
    case "gone":
      return { kind: "given_up", trouble: "the message is not in the folder any more" };
    case "refused":
      return refusedOutcome(outcome, tries);
    case "held_back":
      return undefined;
  }
}

/** What the server refuses may be allowed later. */
export function refusedOutcome({ code, detail }: Omit<Refusal, "ok">, tries: number): ActionOutcome {
  const trouble = `${code}: ${detail}`;
  if (tries + 1 >= triesPerAction) return { kind: "given_up", trouble };
  return { kind: "again", afterMs: Math.min(firstRetryMs * 2 ** tries, maxRetryMs), trouble };
}
