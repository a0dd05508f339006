/** What a message that answers an inbound one says of the thread: `inReplyTo {inbound}`. */
import { findField, readHeader, replySubject, type Thread, threadOf } from "@mailfleet/mail";
import type { Store, StoredContent } from "@mailfleet/store";
import { invalidRequest } from "./validation.ts";

export interface ReplyThread extends Thread {
  /** For a message that has none of its own. */
  readonly subject: string;
}

const messageId = /<[^<>\s]{1,253}>/g;
/** How much of a large message is read for its header. */
const headerBytes = 262_144;

/** Rejects with a ProblemError where the tenant has no such inbound message. */
export async function replyThread(
  inbound: Pick<Store["inbound"], "get" | "content">,
  tenantId: string,
  uid: string,
): Promise<ReplyThread> {
  const found = await inbound.get(tenantId, uid);
  if (!found) {
    const detail = "There is no such inbound message.";
    throw invalidRequest([{ path: "/inReplyTo/inbound", code: "inbound_not_found", detail }]);
  }
  const header = readHeader(await beginning(await inbound.content(tenantId, uid)));
  const idsIn = (name: string) => (header.ok && findField(header, name)?.value.match(messageId)) || [];
  const thread = threadOf({
    ...(found.messageId !== null && { messageId: found.messageId }),
    references: idsIn("References"),
    inReplyTo: idsIn("In-Reply-To"),
  });
  return { ...thread, subject: replySubject(found.subject ?? "") };
}

async function beginning(content: StoredContent | undefined): Promise<Uint8Array> {
  if (!content) return new Uint8Array();
  if ("bytes" in content) return content.bytes;
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of content.open()) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= headerBytes) break;
  }
  return Buffer.concat(pieces);
}
