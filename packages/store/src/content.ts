import type { BlobStore } from "./blob.ts";
import type { Database } from "./database.ts";

/** The MIME bytes as they were accepted; large content is read in pieces, and can be opened again. */
export type StoredContent =
  | { readonly sizeBytes: number; readonly bytes: Uint8Array }
  | { readonly sizeBytes: number; readonly open: () => AsyncIterable<Uint8Array> };

export interface ContentRow {
  size_bytes: number;
  blob_key: string | null;
  bytes: Buffer | null;
}

/** Undefined where there is none, or none any more. Reads for workers and for tenants, who name themselves. */
export async function readContent(
  db: Database,
  blobs: BlobStore | undefined,
  tenantId: string,
  uid: string,
): Promise<StoredContent | undefined> {
  const [row] = await db.query<ContentRow>(
    `select m.size_bytes, m.blob_key, c.bytes from mailfleet.messages m
     left join mailfleet.contents c on c.message_uid = m.uid
     where m.tenant_id = $1 and m.uid = $2`,
    [tenantId, uid],
  );
  return row && contentOf(blobs, row);
}

/** What a row says of its content: inline, in the blob store, or kept no more. */
export function contentOf(
  blobs: BlobStore | undefined,
  { size_bytes: sizeBytes, blob_key: key, bytes }: ContentRow,
): StoredContent | undefined {
  if (bytes) return { sizeBytes, bytes };
  if (key === null) return undefined;
  if (!blobs) throw new Error("the content lies in a blob store, and none is configured");
  return { sizeBytes, open: () => blobs.get(key) };
}

/** All of it in one piece: for what has a limit of its own. */
export async function readWhole(content: StoredContent): Promise<Uint8Array> {
  if ("bytes" in content) return content.bytes;
  const pieces: Uint8Array[] = [];
  for await (const piece of content.open()) pieces.push(piece);
  return Buffer.concat(pieces);
}
