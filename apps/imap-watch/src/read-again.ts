import { type Found, MessageGoneError, type Place, type Session } from "@mailfleet/mailbox";
import type { ActionOutcome, Store } from "@mailfleet/store";
import { refusedOutcome } from "./carry-out.ts";
import { fingerprintOfFound, inlineBytes } from "./found-message.ts";

export interface ReadingDeps {
  readonly store: Pick<Store, "following" | "blobs">;
  readonly mailboxUid: number;
  readonly maxContentBytes: number;
  /** Waits for room for so many bytes, and holds them until what was read is written. */
  readonly hold: (bytes: number) => Promise<void>;
}

/**
 * Reads a message that was recorded without its content, over the mailbox's own connection: a person waits for it. Read
 * twice, it is stored once. Rejects when the connection ends.
 */
export async function readAgain(
  deps: ReadingDeps,
  session: Session,
  { uid, inboundUid, tries }: { readonly uid: number; readonly inboundUid: string; readonly tries: number },
): Promise<ActionOutcome> {
  const places = await session.places([uid]);
  if (!places.ok) return refusedOutcome(places, tries);
  const [place] = places.value;
  if (!place) return givenUp("the message is not in the folder any more");
  try {
    const bytes = await readWhole(deps, session, place);
    if (!bytes) return givenUp(`the message is larger than the ${deps.maxContentBytes} bytes that are taken in`);
    return await keep(deps, inboundUid, { ...place, bytes, isWhole: true });
  } catch (error) {
    // Its place was there a moment ago: the server may just have refused to give its content.
    if (error instanceof MessageGoneError) return refusedOutcome({ code: "GONE", detail: error.message }, tries);
    throw error;
  }
}

async function readWhole(
  { maxContentBytes, hold }: ReadingDeps,
  session: Session,
  { uid, sizeBytes }: Place,
): Promise<Buffer | undefined> {
  if (sizeBytes > maxContentBytes) return undefined;
  // A server may say less than it is.
  for (const allowedBytes of [sizeBytes + 1, maxContentBytes + 1]) {
    await hold(allowedBytes);
    const pieces: Buffer[] = [];
    for await (const piece of session.content(uid, allowedBytes)) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    if (bytes.length < allowedBytes) return bytes;
  }
  return undefined;
}

/** Only where it is the message that was recorded: a mailbox may point elsewhere since, and a Message-ID be another's. */
async function keep({ store, mailboxUid }: ReadingDeps, inboundUid: string, found: Found): Promise<ActionOutcome> {
  // What was not read whole is known by what was known of it.
  const fingerprints = [fingerprintOfFound(found), fingerprintOfFound({ ...found, isWhole: false })];
  const known = await store.following.known(mailboxUid, fingerprints);
  if (![...known.values()].includes(inboundUid))
    return givenUp("what lies at its place is not known to be the message");
  const { bytes } = found;
  if (!store.blobs || bytes.length <= inlineBytes) return { kind: "fetched", sizeBytes: bytes.length, content: bytes };
  // Before the row that names it.
  await store.blobs.put(inboundUid, bytes);
  return { kind: "fetched", sizeBytes: bytes.length };
}

const givenUp = (trouble: string): ActionOutcome => ({ kind: "given_up", trouble });
