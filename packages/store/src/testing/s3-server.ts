/**
 * A bucket in memory that believes nobody: it computes each request's Signature Version 4 for itself, from Amazon's
 * description, and refuses what does not match, what is late, and content that is not what was signed.
 */
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { collect } from "./blob-contract.ts";

export interface S3Server extends AsyncDisposable {
  readonly url: string;
  /** Answers that many requests with 503 before it works again. */
  failNext(requests: number): void;
  /** As many keys on a page of a list. */
  readonly pageSize: number;
}

const accessKeyId = "AKIDEXAMPLE";
const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const region = "eu-test-1";
const bucket = "mail";

const sha256 = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, data: string) => createHmac("sha256", key).update(data).digest();
const escapeUri = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Why a request is refused, as S3 names it. */
function refusal(request: IncomingMessage, url: URL, body: Buffer): string | undefined {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? "",
    );
  if (!match) return "AccessDenied";
  const [, id, day, signedRegion, signedHeaders = "", signature] = match;
  if (id !== accessKeyId || signedRegion !== region) return "InvalidAccessKeyId";
  const at = String(request.headers["x-amz-date"]);
  const moment = Date.parse(at.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (!at.startsWith(day ?? "-") || !(Math.abs(Date.now() - moment) < 900_000)) return "RequestTimeTooSkewed";
  if (!signedHeaders.split(";").includes("host")) return "AccessDenied";

  const contentHash = String(request.headers["x-amz-content-sha256"]);
  const isPlain = contentHash === "UNSIGNED-PAYLOAD" && request.method !== "PUT";
  if (!isPlain && contentHash !== sha256(body)) return "XAmzContentSHA256Mismatch";
  const query = [...url.searchParams].map(([k, v]) => `${escapeUri(k)}=${escapeUri(v)}`).sort();
  const canonical = [
    request.method,
    url.pathname
      .split("/")
      .map((part) => escapeUri(decodeURIComponent(part)))
      .join("/"),
    query.join("&"),
    ...signedHeaders.split(";").map((name) => `${name}:${String(request.headers[name]).trim().replace(/ +/g, " ")}`),
    "",
    signedHeaders,
    contentHash,
  ].join("\n");
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", at, scope, sha256(canonical)].join("\n");
  const key = [day as string, region, "s3", "aws4_request"].reduce<string | Buffer>(
    (k, part) => hmac(k, part),
    `AWS4${secret}`,
  );
  return hmac(key, toSign).toString("hex") === signature ? undefined : "SignatureDoesNotMatch";
}

export async function startS3Server(prefix = "", { withSecret = secret, pageSize = 2 } = {}): Promise<S3Server> {
  const objects = new Map<string, { readonly bytes: Buffer; readonly at: Date }>();
  let failures = 0;

  function answer(request: IncomingMessage, url: URL, body: Buffer): readonly [number, string | Buffer] {
    if (failures-- > 0) return [503, "<Error><Code>SlowDown</Code></Error>"];
    const refused = refusal(request, url, body);
    if (refused) return [403, `<Error><Code>${refused}</Code></Error>`];
    const [, named, ...rest] = decodeURIComponent(url.pathname).split("/");
    if (named !== bucket) return [404, "<Error><Code>NoSuchBucket</Code></Error>"];
    const key = rest.join("/");
    if (key === "") return [200, list(url.searchParams)];
    switch (request.method) {
      case "PUT":
        objects.set(key, { bytes: body, at: new Date() });
        return [200, ""];
      case "DELETE":
        objects.delete(key);
        return [204, ""];
      default: {
        const found = objects.get(key);
        return found ? [200, found.bytes] : [404, "<Error><Code>NoSuchKey</Code></Error>"];
      }
    }
  }

  /** Its tokens have characters that XML escapes, as real ones may. */
  function list(query: URLSearchParams): string {
    const from = (query.get("continuation-token") ?? "").replace("<&>", "");
    const keys = [...objects.keys()].filter((key) => key.startsWith(query.get("prefix") ?? "") && key > from).sort();
    const page = keys.slice(0, pageSize);
    const entries = page.map(
      (key) =>
        `<Contents><Key>${key}</Key><LastModified>${objects.get(key)?.at.toISOString()}</LastModified></Contents>`,
    );
    const next =
      keys.length > pageSize ? `<NextContinuationToken>&lt;&amp;&gt;${page.at(-1)}</NextContinuationToken>` : "";
    return `<ListBucketResult>${entries.join("")}${next}</ListBucketResult>`;
  }

  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await collect(request as AsyncIterable<Buffer>));
    const [status, text] = answer(request, new URL(request.url ?? "/", "http://localhost"), body);
    response.writeHead(status).end(text);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const query = new URLSearchParams({ endpoint, region });
  return {
    url: `s3://${accessKeyId}:${encodeURIComponent(withSecret)}@${bucket}/${prefix}?${query}`,
    pageSize,
    failNext(requests) {
      failures = requests;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
