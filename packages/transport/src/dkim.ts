/**
 * DKIM signatures (RFC 6376, Ed25519: RFC 8463), relaxed/relaxed.
 *
 * Signing takes milliseconds of CPU, so it is left to the thread pool: nodemailer's signer would hold up every other
 * lane meanwhile, keeps large content in memory, knows RSA alone, and sends unsigned what it cannot sign.
 */
import { createHash, createPrivateKey, type KeyObject, sign } from "node:crypto";
import {
  type Ending,
  findField,
  type Header,
  headerLimits,
  parseDomain,
  parseMailboxes,
  readHeader,
} from "@mailfleet/mail";
import { type BodyHash, relaxedBodyHash, relaxedField } from "./dkim-canonical.ts";
import type { Content, DkimKey } from "./next-hop.ts";

export type Signed =
  | { readonly ok: true; readonly content: Content }
  /** Nothing goes out: unsigned mail harms the domain's name, and half of a message is none. */
  | { readonly ok: false; readonly ending: Ending };

/** Signs an account's mail with its keys. */
export interface DkimSigner {
  /**
   * The content with a DKIM-Signature from each key of its From domain above it; as it is where there is none. Content
   * in pieces is read twice, since a signature comes before what it signs.
   */
  sign(content: Content): Promise<Signed>;
}

/** RFC 6376 section 5.4.1: what a reader sees, and what changes how it is read. */
const signedFields = new Set(
  `from sender reply-to subject date message-id to cc mime-version content-type content-transfer-encoding content-id
  content-description in-reply-to references auto-submitted resent-from resent-sender resent-to resent-cc resent-date
  resent-message-id list-id list-help list-unsubscribe list-unsubscribe-post list-subscribe list-post list-owner
  list-archive`.split(/\s+/),
);

export function dkimSigner(keys: readonly DkimKey[]): DkimSigner {
  const opened = new Map<DkimKey, KeyObject>();
  const privateKeyOf = (key: DkimKey) => {
    const known = opened.get(key) ?? createPrivateKey(key.privateKeyPem);
    opened.set(key, known);
    return known;
  };

  return {
    async sign(content) {
      if (keys.length === 0) return { ok: true, content };
      let read: { header: Header; bodyHash: string } | undefined;
      try {
        read = await readContent(content);
      } catch (error) {
        return { ok: false, ending: { phase: "content", cause: { kind: "unreadable", detail: messageOf(error) } } };
      }
      const domains = read ? fromDomains(read.header) : new Set();
      const fitting = keys.filter(({ domain }) => domains.has(asciiDomain(domain)));
      if (!read || fitting.length === 0) return { ok: true, content };
      const { header, bodyHash } = read;
      try {
        const fields = await Promise.all(fitting.map((key) => signature(header, bodyHash, key, privateKeyOf(key))));
        return { ok: true, content: prepended(Buffer.from(fields.join(""), "latin1"), content) };
      } catch (error) {
        const detail = `a DKIM key for ${fitting[0]?.domain} cannot sign: ${messageOf(error)}`;
        return { ok: false, ending: { phase: "auth", cause: { kind: "credentials", detail } } };
      }
    },
  };
}

/** The header and the body's hash; `undefined` where the header has no end within its limits. */
async function readContent(content: Content): Promise<{ header: Header; bodyHash: string } | undefined> {
  const hash = relaxedBodyHash();
  if ("bytes" in content) return readBeginning(content.bytes, hash, true);
  let beginning: Uint8Array | undefined = new Uint8Array(0);
  let header: Header | undefined;
  for await (const piece of content.open()) {
    if (!beginning) {
      hash.update(piece);
      continue;
    }
    beginning = Buffer.concat([beginning, piece]);
    // One more than the limit, so that a header that just fits is seen to end.
    if (beginning.length <= headerLimits.bytes) continue;
    header = readBeginning(beginning, hash, false)?.header;
    if (!header) return undefined;
    beginning = undefined;
  }
  if (beginning) return readBeginning(beginning, hash, true);
  return header && { header, bodyHash: hash.digest() };
}

function readBeginning(bytes: Uint8Array, hash: BodyHash, whole: boolean) {
  const header = readHeader(bytes);
  if (!header.ok) return undefined;
  hash.update(bytes.subarray(header.bodyOffset));
  return { header, bodyHash: whole ? hash.digest() : "" };
}

/** One DKIM-Signature field, with its line end; one character per byte. */
async function signature(header: Header, bodyHash: string, key: DkimKey, privateKey: KeyObject): Promise<string> {
  const ed25519 = privateKey.asymmetricKeyType === "ed25519";
  // From the last up: that is how a verifier picks them where a name occurs more than once.
  const fields = header.fields.filter(({ name }) => signedFields.has(name.toLowerCase())).reverse();
  const names = fields.map(({ name }) => name.toLowerCase());
  // "from" once more than it occurs: another one, added on the way, breaks the signature (RFC 6376 section 8.15).
  const named = [...names, "from"].join(":").replace(/(.{1,60}):/g, "$1:\r\n  ");
  const unsigned =
    `DKIM-Signature: v=1; a=${ed25519 ? "ed25519" : "rsa"}-sha256; c=relaxed/relaxed;\r\n` +
    ` d=${asciiDomain(key.domain)}; s=${key.selector};\r\n h=${named};\r\n bh=${bodyHash};\r\n b=`;
  const canonical = fields.map(({ raw }) => `${relaxedField(Buffer.from(raw).toString("latin1"))}\r\n`);
  const data = Buffer.from(canonical.join("") + relaxedField(unsigned), "latin1");
  const signed = ed25519
    ? await signInPool(null, createHash("sha256").update(data).digest(), privateKey)
    : await signInPool("sha256", data, privateKey);
  return `${unsigned}${signed.toString("base64").replace(/.{70}(?=.)/g, "$&\r\n  ")}\r\n`;
}

function signInPool(algorithm: string | null, data: Buffer, key: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(algorithm, data, key, (error, signed) => (error ? reject(error) : resolve(signed)));
  });
}

function prepended(fields: Buffer, content: Content): Content {
  const sizeBytes = content.sizeBytes + fields.length;
  if ("bytes" in content) return { sizeBytes, bytes: Buffer.concat([fields, content.bytes]) };
  return {
    sizeBytes,
    async *open() {
      yield fields;
      yield* content.open();
    },
  };
}

function fromDomains(header: Header): ReadonlySet<string> {
  const from = findField(header, "from");
  const read = from && parseMailboxes(from.value);
  return new Set(read?.ok ? read.mailboxes.map(({ address }) => asciiDomain(address.domain)) : []);
}

function asciiDomain(domain: string): string {
  const read = parseDomain(domain);
  return read.ok ? read.ascii : domain.toLowerCase();
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
