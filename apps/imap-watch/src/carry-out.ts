import type { DeedOutcome, Session, SpecialUse } from "@mailfleet/mailbox";
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
  readonly #found = new Map<string, string | undefined>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** A path as it is; `\Sent` and the like as the server calls it, or undefined where it has none. */
  async find(name: string): Promise<string | undefined> {
    if (!name.startsWith("\\")) return name;
    if (!this.#found.has(name)) this.#found.set(name, await this.#session.findSpecialFolder(name as SpecialUse));
    return this.#found.get(name);
  }
}

/** Does what is to be done in a mailbox. Done twice, it has happened once. Rejects when the connection ends. */
export async function carryOut(
  session: Session,
  folders: SpecialFolders,
  { action, inbound, tries }: DueAction,
): Promise<ActionOutcome> {
  if (action.kind === "append") {
    const to = (await folders.find(action.folder)) ?? usualNames[action.folder] ?? action.folder;
    const { messageId, flags, bytes } = action;
    return outcomeOf(await session.appendOnce({ to, messageId, flags, bytes: Buffer.from(bytes) }), tries);
  }
  const uid = inbound && (await locate(session, inbound));
  if (action.kind === "look") return look(session, folders, uid, inbound?.messageId ?? null);
  if (uid === undefined) return { kind: "given_up", trouble: "the message is not in the folder any more" };
  if (action.kind === "flags") return outcomeOf(await session.changeFlags(uid, { add: action.add }), tries);
  const messageId = inbound?.messageId;
  return outcomeOf(await session.move(uid, action.to, messageId ? { messageId } : {}), tries);
}

/** Where the message lies now; after a renumbering it is found by its Message-ID, where just one has it. */
async function locate(
  session: Session,
  { folder, uidValidity, imapUid, messageId }: NonNullable<DueAction["inbound"]>,
): Promise<number | undefined> {
  const isHere = folder === session.folder.path && BigInt(uidValidity) === session.folder.uidValidity;
  if (isHere) return imapUid;
  if (messageId === null) return undefined;
  const found = await session.withMessageId(messageId);
  return found.ok && found.value.length === 1 ? found.value[0] : undefined;
}

async function look(
  session: Session,
  folders: SpecialFolders,
  uid: number | undefined,
  messageId: string | null,
): Promise<ActionOutcome> {
  const places = uid === undefined ? undefined : await session.places([uid]);
  const place = places?.ok ? places.value[0] : undefined;
  const sent = messageId === null ? undefined : await folders.find("\\Sent");
  const isReplied = sent !== undefined && messageId !== null && (await session.hasReply(sent, messageId));
  return { kind: "looked", flags: place?.flags ?? [], isReplied, isGone: place === undefined };
}

export function outcomeOf(outcome: DeedOutcome, tries: number): ActionOutcome {
  switch (outcome.kind) {
    case "done":
      return { kind: "done" };
    case "gone":
      return { kind: "given_up", trouble: "the message is not in the folder any more" };
    case "refused": {
      const trouble = `${outcome.code}: ${outcome.detail}`;
      if (tries + 1 >= triesPerAction) return { kind: "given_up", trouble };
      return { kind: "again", afterMs: Math.min(firstRetryMs * 2 ** tries, maxRetryMs), trouble };
    }
  }
}
