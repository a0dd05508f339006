import { createFolder, type Folder, inFolder, selectFolder } from "./folder.ts";
import type { Answer, Line, Refusal } from "./line.ts";
import { listByMessageId } from "./listing.ts";

/** How a deed in a mailbox ended. Each may be done again: done twice, it has happened once. */
export type DeedOutcome =
  | { readonly kind: "done" }
  /** The message is not in the folder any more: somebody moved or removed it. */
  | { readonly kind: "gone" }
  /** The server said no. */
  | { readonly kind: "refused"; readonly code: string; readonly detail: string }
  /** `mayAct` said no: the mailbox may be another's by now. */
  | { readonly kind: "held_back" };

const done: DeedOutcome = { kind: "done" };
const gone: DeedOutcome = { kind: "gone" };
const heldBack: DeedOutcome = { kind: "held_back" };
const always = () => true;

/** Asked right before anything is changed: a process that was paused must not act on what it saw before. */
export type MayAct = () => boolean;
const refused = ({ code, detail }: Refusal): DeedOutcome => ({ kind: "refused", code, detail });

/** Sets and takes away flags. A flag that the folder does not keep is left out, as are those of a message that has gone. */
export async function changeFlags(
  line: Line,
  folder: Folder,
  uid: number,
  { add = [], remove = [] }: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
  mayAct: MayAct = always,
): Promise<DeedOutcome> {
  await inFolder(line, folder);
  const present = await isPresent(line, uid);
  if (!present.ok) return refused(present);
  if (!present.value) return gone;
  if (!mayAct()) return heldBack;
  const kept = add.filter((flag) => keepsFlag(folder, flag));
  if (kept.length > 0) {
    const answer = await line.command("STORE", () =>
      line.client.messageFlagsAdd(String(uid), kept, { uid: true, silent: true }),
    );
    if (!answer.ok) return refused(answer);
  }
  if (remove.length > 0) {
    const answer = await line.command("STORE", () =>
      line.client.messageFlagsRemove(String(uid), [...remove], { uid: true, silent: true }),
    );
    if (!answer.ok) return refused(answer);
  }
  return done;
}

/**
 * Moves a message to another folder, which is made where it is missing. Without MOVE (RFC 6851) it is copied, once: the
 * target is searched for `messageId` first. Without UIDPLUS too it stays behind, marked as deleted: a plain EXPUNGE
 * would also remove what other people have marked.
 */
export async function moveMessage(
  line: Line,
  folder: Folder,
  uid: number,
  to: string,
  { messageId, mayAct = always }: { readonly messageId?: string; readonly mayAct?: MayAct } = {},
): Promise<DeedOutcome> {
  await inFolder(line, folder);
  const present = await isPresent(line, uid);
  if (!present.ok) return refused(present);
  if (!present.value) return gone;
  const has = (capability: string) => line.client.capabilities.has(capability) || line.client.enabled.has("IMAP4REV2");
  if (has("MOVE")) {
    if (!mayAct()) return heldBack;
    const answer = await withFolder(line, to, () =>
      line.command("MOVE", () => line.client.messageMove(String(uid), to, { uid: true })),
    );
    return answer.ok ? done : refused(answer);
  }
  const isThere = await hasMessage(line, folder, to, messageId);
  if (!isThere.ok) return refused(isThere);
  if (!mayAct()) return heldBack;
  if (!isThere.value) {
    const copied = await withFolder(line, to, () =>
      line.command("COPY", () => line.client.messageCopy(String(uid), to, { uid: true })),
    );
    if (!copied.ok) return refused(copied);
  }
  if (!mayAct()) return heldBack;
  const removed = await line.command("EXPUNGE", () =>
    has("UIDPLUS")
      ? line.client.messageDelete(String(uid), { uid: true })
      : line.client.messageFlagsAdd(String(uid), ["\\Deleted"], { uid: true, silent: true }),
  );
  return removed.ok ? done : refused(removed);
}

/** Puts a message into a folder, which is made where it is missing, unless one with its Message-ID is there already. */
export async function appendOnce(
  line: Line,
  { to, messageId, bytes, flags, mayAct = always }: AppendedMessage,
): Promise<DeedOutcome> {
  const opened = await openOrCreate(line, to);
  if (!opened.ok) return refused(opened);
  const found = await listByMessageId(line, messageId);
  if (!found.ok) return refused(found);
  if (found.value.length > 0) return done;
  if (!mayAct()) return heldBack;
  const answer = await line.command("APPEND", () => line.client.append(to, bytes, [...flags]), line.limits.contentMs);
  return answer.ok ? done : refused(answer);
}

/** What is appended, and where to. */
export interface AppendedMessage {
  readonly to: string;
  /** With its angle brackets. */
  readonly messageId: string;
  readonly bytes: Buffer;
  readonly flags: readonly string[];
  readonly mayAct?: MayAct;
}

async function openOrCreate(line: Line, path: string): Promise<Answer<true>> {
  for (const isLast of [false, true]) {
    const opened = await selectFolder(line, path);
    if (opened.ok) return { ok: true, value: true };
    const { kind, code, detail } = opened.trouble;
    if (isLast || kind !== "folder_missing") return { ok: false, code, detail };
    const refusal = await createFolder(line, path);
    if (refusal) return refusal;
  }
  return { ok: false, code: "NONEXISTENT", detail: path };
}

/** Does it once more after making the folder where the server says that it is missing (RFC 9051 section 6.4.7). */
async function withFolder<T>(line: Line, path: string, act: () => Promise<Answer<T>>): Promise<Answer<T>> {
  const first = await act();
  if (first.ok || (first.code !== "TRYCREATE" && first.code !== "NONEXISTENT")) return first;
  const refusal = await createFolder(line, path);
  return refusal ?? act();
}

/** Looks into another folder, and comes back. */
async function hasMessage(
  line: Line,
  folder: Folder,
  path: string,
  messageId: string | undefined,
): Promise<Answer<boolean>> {
  if (messageId === undefined) return { ok: true, value: false };
  const found = await searchIn(line, path, () => listByMessageId(line, messageId));
  await inFolder(line, folder);
  return found.ok ? { ok: true, value: found.value.length > 0 } : found;
}

/** Searches another folder, which stays open. Nothing lies in a folder that is not there; of others only the server can tell. */
export async function searchIn(
  line: Line,
  path: string,
  search: () => Promise<Answer<readonly number[]>>,
): Promise<Answer<readonly number[]>> {
  const opened = await selectFolder(line, path, { readOnly: true });
  if (opened.ok) return search();
  const { code, detail } = opened.trouble;
  return code === "NONEXISTENT" ? { ok: true, value: [] } : { ok: false, code, detail };
}

async function isPresent(line: Line, uid: number): Promise<Answer<boolean>> {
  // Only here may the server say what was expunged (RFC 9051 section 7.5.1); until then a search finds it.
  await line.command("NOOP", () => line.client.noop().then(() => true as const));
  const answer = await line.command("SEARCH", () => line.client.search({ uid: String(uid) }, { uid: true }));
  return answer.ok ? { ok: true, value: (answer.value as number[]).includes(uid) } : answer;
}

function keepsFlag({ permanentFlags }: Folder, flag: string): boolean {
  if (permanentFlags.length === 0) return true;
  const wanted = flag.toLowerCase();
  return permanentFlags.some((kept) => kept.toLowerCase() === wanted || (kept === "\\*" && !flag.startsWith("\\")));
}
