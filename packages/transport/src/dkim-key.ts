import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { dkimSigner } from "./dkim.ts";
import type { DkimKey } from "./next-hop.ts";

export type DkimKeyProblem =
  | "dkim_bad_domain"
  | "dkim_bad_selector"
  | "dkim_unreadable_key"
  | "dkim_unsupported_key"
  | "dkim_short_key"
  | "dkim_cannot_sign";

export type DkimKeyTest =
  /** `dnsRecord` is what the domain must publish at `dnsName`. */
  | { readonly ok: true; readonly bits: number; readonly dnsName: string; readonly dnsRecord: string }
  | { readonly ok: false; readonly code: DkimKeyProblem; readonly detail: string };

/** RFC 8301: verifiers refuse what was signed with a shorter RSA key. */
export const minRsaBits = 1_024;

const hostName = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/** Tests a key by signing with it: what cannot sign is refused when it is stored, not found out when mail is sent. */
export async function testDkimKey(key: DkimKey): Promise<DkimKeyTest> {
  if (!hostName.test(key.domain)) return problem("dkim_bad_domain", "The domain is not a host name in A-labels.");
  if (!hostName.test(key.selector)) return problem("dkim_bad_selector", "The selector is not made of DNS labels.");
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(key.privateKeyPem);
  } catch {
    return problem("dkim_unreadable_key", "The key is not a private key in PEM without a passphrase.");
  }
  const type = privateKey.asymmetricKeyType;
  if (type !== "rsa" && type !== "ed25519") {
    return problem("dkim_unsupported_key", `The key must be RSA or Ed25519, and is ${type}.`);
  }
  const bits = type === "ed25519" ? 256 : (privateKey.asymmetricKeyDetails?.modulusLength ?? 0);
  if (type === "rsa" && bits < minRsaBits) {
    return problem("dkim_short_key", `The key has ${bits} bits, and verifiers refuse less than ${minRsaBits}.`);
  }
  const bytes = Buffer.from(`From: probe@${key.domain}\r\nSubject: probe\r\n\r\nprobe\r\n`);
  const signed = await dkimSigner([key]).sign({ sizeBytes: bytes.length, bytes });
  if (!signed.ok || signed.content.sizeBytes === bytes.length) {
    return problem("dkim_cannot_sign", "The key can be read, but does not sign.");
  }
  return {
    ok: true,
    bits,
    dnsName: `${key.selector}._domainkey.${key.domain}`,
    dnsRecord: `v=DKIM1; k=${type}; p=${published(createPublicKey(privateKey), type)}`,
  };
}

/** RSA keys are published as SubjectPublicKeyInfo, Ed25519 keys as their 32 bytes alone (RFC 8463 section 4). */
function published(publicKey: KeyObject, type: "rsa" | "ed25519"): string {
  const der = publicKey.export({ type: "spki", format: "der" });
  return (type === "ed25519" ? der.subarray(-32) : der).toString("base64");
}

const problem = (code: DkimKeyProblem, detail: string): DkimKeyTest => ({ ok: false, code, detail });
