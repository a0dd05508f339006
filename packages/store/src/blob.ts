import type { ContentStore } from "./acceptor.ts";
import { openBlobFolder } from "./blob-folder.ts";
import { openBlobBucket } from "./blob-s3.ts";

/** Where content lies that is too large for a row. A key is unique to its message, and its bytes never change. */
export interface BlobStore extends ContentStore {
  /** Resolves once the bytes are durable under `key`. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** The bytes in pieces, from the beginning each time it is iterated. Throws BlobError. */
  get(key: string): AsyncIterable<Uint8Array>;
  /** What is not there is deleted already. */
  delete(key: string): Promise<void>;
  /** Keys of what was put before `moment`, in no order. Foreign files are not ours to list. */
  listOlderThan(moment: Date): AsyncIterable<string>;
}

/** The store's address cannot be used, a blob is missing, or the store did not do as it was told. */
export class BlobError extends Error {
  readonly code: "bad_blob_url" | "blob_missing" | "blob_store_failed";

  constructor(code: BlobError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Keys are UUIDs, so that one can never name another folder or bucket. */
const keyPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function isBlobKey(key: string): boolean {
  return keyPattern.test(key);
}

/**
 * Opens `file:///folder` (one host only) or an S3-compatible bucket,
 * `s3://ACCESS_KEY_ID:SECRET@bucket/prefix?endpoint=https://host&region=eu-central-1` (path style; parts of the user
 * info percent-encoded; without `endpoint`, Amazon's own in that region). Throws BlobError.
 */
export function openBlobStore(text: string): BlobStore {
  if (!URL.canParse(text)) throw new BlobError("bad_blob_url", "the blob store's URL cannot be read");
  const url = new URL(text);
  switch (url.protocol) {
    case "file:":
      return openBlobFolder(url);
    case "s3:":
      return openBlobBucket(url);
    default:
      throw new BlobError("bad_blob_url", "a blob store's URL begins with file: or s3:");
  }
}
