/**
 * DKIM signatures (RFC 6376), made by nodemailer: rsa-sha256, relaxed/relaxed.
 *
 * nodemailer sends a message unsigned where it cannot use a key. So keys are tested when they are stored
 * (`testDkimKey`), and where a signature is missing all the same, nothing is sent.
 */
import { type Ending, findField, type Header, parseDomain, parseMailboxes, readHeader } from "@mailfleet/mail";
import DKIM from "nodemailer/lib/dkim";
import type { Content, DkimKey } from "./next-hop.ts";

export type Signed =
  | { readonly ok: true; readonly content: Content }
  /** Nothing goes out: unsigned mail harms the domain's name, and half of a message is none. */
  | { readonly ok: false; readonly ending: Ending };

/**
 * The content with a DKIM-Signature from each key of its From domain; as it is where there is none.
 *
 * A signature comes before what it signs, so content in pieces is read whole: memory is bounded by the size of the
 * largest message that was accepted.
 */
export async function signContent(content: Content, keys: readonly DkimKey[]): Promise<Signed> {
  let bytes: Buffer;
  try {
    bytes = "bytes" in content ? viewOf(content.bytes) : await wholeOf(content.open());
  } catch (error) {
    return { ok: false, ending: { phase: "content", cause: { kind: "unreadable", detail: messageOf(error) } } };
  }
  const unsigned: Signed = { ok: true, content: { sizeBytes: bytes.length, bytes } };
  const header = readHeader(bytes);
  if (!header.ok) return unsigned;
  const domains = fromDomains(header);
  const fitting = keys.filter(({ domain }) => domains.has(domain.toLowerCase()));
  if (fitting.length === 0) return unsigned;

  const signed = await signBytes(bytes, fitting);
  if (signed === undefined) {
    const detail = `a DKIM key for ${fitting.map(({ domain }) => domain).join(", ")} cannot sign`;
    return { ok: false, ending: { phase: "auth", cause: { kind: "credentials", detail } } };
  }
  return { ok: true, content: { sizeBytes: signed.length, bytes: signed } };
}

/** The message with one signature per key above it; `undefined` where a key cannot sign. */
export async function signBytes(bytes: Buffer, keys: readonly DkimKey[]): Promise<Buffer | undefined> {
  const dkim = new DKIM({
    keys: keys.map(({ domain, selector, privateKeyPem }) => ({
      domainName: domain,
      keySelector: selector,
      privateKey: privateKeyPem,
    })),
  });
  const signed = await wholeOf(dkim.sign(bytes));
  // Signatures come first and are counted one by one: as many as there are keys, or it is not what was asked for.
  const header = readHeader(signed.subarray(0, signed.length - bytes.length));
  if (!header.ok) return undefined;
  const signatures = header.fields.filter(({ name }) => name.toLowerCase() === "dkim-signature").length;
  return signatures === keys.length ? signed : undefined;
}

/** The domains of the From field, in A-labels and in U-labels: a key may name its own either way. */
function fromDomains(header: Header): ReadonlySet<string> {
  const from = findField(header, "from");
  const read = from === undefined ? undefined : parseMailboxes(from.value);
  const domains = new Set<string>();
  for (const { address } of read?.ok ? read.mailboxes : []) {
    domains.add(address.domain);
    const spelled = parseDomain(address.domain);
    if (spelled.ok) domains.add(spelled.ascii);
  }
  return domains;
}

async function wholeOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
