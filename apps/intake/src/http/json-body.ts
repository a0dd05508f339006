/**
 * Reads JSON bodies. A body is counted as it arrives, so that what is declared and never sent costs nothing; it must be
 * UTF-8, and its nesting is looked at before it is parsed.
 */
import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { HttpLimits, Share } from "./limits.ts";
import { ProblemError } from "./problems.ts";

/** Resolves with the parsed body, or undefined where there is none. Rejects with a ProblemError. */
export async function readJsonBody(
  request: IncomingMessage,
  share: Share,
  limits: Pick<HttpLimits, "bodyBytes" | "jsonDepth">,
): Promise<unknown> {
  const bytes = await readBody(request, share, limits);
  return bytes.length === 0 ? undefined : parseJson(bytes, limits.jsonDepth);
}

/** Reads a body as it is. Rejects with a ProblemError. */
export function readBody(
  request: IncomingMessage,
  share: Share,
  limits: Pick<HttpLimits, "bodyBytes">,
): Promise<Buffer> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new ProblemError("unsupported_media_type", "Compressed bodies are not read.", { closes: true });
  }
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > limits.bodyBytes) throw tooLarge(limits.bodyBytes);
  share.expect(declared);
  return collect(request, share, limits.bodyBytes);
}

export function parseJson(bytes: Buffer, maxDepth: number): unknown {
  if (!isUtf8(bytes)) throw new ProblemError("malformed_utf8");
  if (depthOf(bytes, maxDepth) > maxDepth) {
    throw new ProblemError("json_too_deep", `Arrays and objects may be nested ${maxDepth} deep.`);
  }
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new ProblemError("malformed_json"); // The parser's own words would repeat what was sent.
  }
}

function collect(request: IncomingMessage, share: Share, maxBytes: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  const settle = (end: () => void) => {
    request.off("data", onData).off("end", onEnd).off("error", onError).off("close", onClose);
    end();
  };
  const onData = (chunk: Buffer) => {
    size += chunk.length;
    try {
      if (size > maxBytes) throw tooLarge(maxBytes);
      share.take(chunk.length);
      chunks.push(chunk);
    } catch (error) {
      request.pause();
      settle(() => reject(error));
    }
  };
  const onEnd = () => settle(() => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)));
  const onError = () => settle(() => reject(new ProblemError("malformed_request", "The body broke off.")));
  const onClose = () => onError();
  request.on("data", onData).on("end", onEnd).on("error", onError).on("close", onClose);
  return promise;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** How deeply the text nests, read without recursion; stops counting above `enough`. */
function depthOf(bytes: Buffer, enough: number): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      i = endOfString(bytes, i);
      if (i < 0) return deepest; // Not JSON: the parser says so.
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > deepest) deepest = depth;
      if (deepest > enough) return deepest;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return deepest;
}

/** Where the string ends that begins at `from`. Jumps from quote to quote, since most of a body is in strings. */
function endOfString(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(QUOTE, from + 1); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) {
    let backslashes = 0;
    while (bytes[at - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return -1;
}

const tooLarge = (maxBytes: number) =>
  new ProblemError("body_too_large", `A body has at most ${maxBytes} bytes.`, { closes: true });
