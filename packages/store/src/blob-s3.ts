/** An S3-compatible bucket, path style, signed with AWS Signature Version 4. */
import { createHash } from "node:crypto";
import { AwsClient } from "aws4fetch";
import { BlobError, type BlobStore, isBlobKey } from "./blob.ts";

export const bucketLimits = {
  /** A whole PUT, DELETE or page of a list, ms. */
  requestMs: 60_000,
  /** Until the first byte of a GET, ms. */
  answerMs: 20_000,
  /** Attempts beyond the first, after 5xx and 429. */
  retries: 3,
} as const;

export function openBlobBucket(url: URL): BlobStore {
  const { base, prefix, client } = readUrl(url);
  const objectOf = (key: string) => {
    if (!isBlobKey(key)) throw new BlobError("blob_missing", "this is no key of a blob");
    return `${base}/${prefix}${key}`;
  };

  return {
    async put(key, bytes) {
      const headers = {
        "content-type": "application/octet-stream",
        // Part of the signature: what arrives damaged is refused, not stored.
        "x-amz-content-sha256": createHash("sha256").update(bytes).digest("hex"),
      };
      const body = bytes as Uint8Array<ArrayBuffer>;
      await settle(await ask(client, objectOf(key), { method: "PUT", headers, body }), "stored");
    },

    async *get(key) {
      const response = await ask(client, objectOf(key), { method: "GET" }, bucketLimits.answerMs);
      if (response.status === 404) {
        await response.body?.cancel();
        throw new BlobError("blob_missing", `there is no blob ${key}`);
      }
      if (!response.ok || !response.body) return settle(response, "read");
      yield* response.body;
    },

    async delete(key) {
      const response = await ask(client, objectOf(key), { method: "DELETE" });
      if (response.status === 404) await response.body?.cancel();
      else await settle(response, "deleted");
    },

    async *listOlderThan(moment) {
      let token: string | undefined;
      do {
        const query = new URLSearchParams({ "list-type": "2", "max-keys": "1000", prefix });
        if (token !== undefined) query.set("continuation-token", token);
        const response = await ask(client, `${base}?${query}`, { method: "GET" });
        if (!response.ok) await settle(response, "listed");
        const { objects, next } = readListing(await response.text());
        for (const { key, at } of objects) {
          const name = key.slice(prefix.length);
          if (at < moment && isBlobKey(name)) yield name;
        }
        token = next;
      } while (token !== undefined);
    },
  };
}

function readUrl(url: URL) {
  const bucket = url.hostname;
  const region = url.searchParams.get("region") ?? "us-east-1";
  const endpoint = url.searchParams.get("endpoint") ?? `https://s3.${region}.amazonaws.com`;
  if (bucket === "" || url.username === "" || url.password === "") {
    throw new BlobError("bad_blob_url", "an s3: URL names a bucket, an access key id and its secret");
  }
  if (!/^https?:\/\/[^/?#]+\/?$/.test(endpoint) || !URL.canParse(endpoint)) {
    throw new BlobError("bad_blob_url", "an s3: URL's endpoint is http(s)://host, with or without a port");
  }
  const folder = url.pathname.split("/").filter(Boolean).join("/");
  return {
    base: `${endpoint.replace(/\/$/, "")}/${bucket}`,
    prefix: folder === "" ? "" : `${folder}/`,
    client: new AwsClient({
      accessKeyId: decodeURIComponent(url.username),
      secretAccessKey: decodeURIComponent(url.password),
      region,
      service: "s3",
      retries: bucketLimits.retries,
    }),
  };
}

async function ask(client: AwsClient, url: string, init: RequestInit, limitMs: number = bucketLimits.requestMs) {
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(new Error(`no answer within ${limitMs} ms`)), limitMs);
  try {
    return await client.fetch(url, { ...init, signal: giveUp.signal });
  } catch (error) {
    throw new BlobError("blob_store_failed", "the bucket cannot be reached", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Reads the answer to its end, so that its connection can be used again. Never shows what the answer says of us. */
async function settle(response: Response, what: string): Promise<void> {
  const text = await response.text();
  if (response.ok) return;
  const code = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(text)?.[1] ?? "no code";
  throw new BlobError("blob_store_failed", `nothing was ${what}: the bucket answered ${response.status} (${code})`);
}

/** Our keys and prefixes need no unescaping, and other objects are not ours. */
function readListing(xml: string) {
  const objects = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].flatMap(([, entry = ""]) => {
    const key = /<Key>(.*?)<\/Key>/s.exec(entry)?.[1];
    const at = /<LastModified>(.*?)<\/LastModified>/s.exec(entry)?.[1];
    return key !== undefined && at !== undefined ? [{ key, at: new Date(at) }] : [];
  });
  const next = /<NextContinuationToken>(.*?)<\/NextContinuationToken>/s.exec(xml)?.[1];
  return { objects, next: next?.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&") };
}
