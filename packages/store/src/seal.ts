/**
 * Sealing of stored credentials: AES-256-GCM (NIST SP 800-38D), with the key's id beside each row.
 *
 * The first key seals, all open: a new key goes to the front of the list, `reseal` moves the rows over, and then the
 * old one may go. What is sealed for one account does not open for another, since the context is authenticated.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from "node:crypto";

export interface Sealed {
  /** Nonce (12 bytes), ciphertext, tag (16 bytes). */
  readonly bytes: Buffer;
  /** First 8 hex digits of the key's SHA-256. */
  readonly keyId: string;
}

export interface SecretKeys {
  /** Id of the key that seals. */
  readonly currentId: string;
  /** `context` names what the secret belongs to; it opens under the same context only. */
  seal(plain: Uint8Array | string, context: string): Sealed;
  /** HMAC-SHA-256 with a key derived from each key, the current one first: what any of them signed is ours. */
  readonly signers: readonly ((text: string) => Buffer)[];
  /** Throws SealError. */
  open(sealed: { readonly bytes: Uint8Array; readonly keyId: string }, context: string): Buffer;
}

/** The list of keys cannot be used, or a sealed row does not open with it. */
export class SealError extends Error {
  readonly code: "bad_secret_key" | "no_secret_keys" | "unknown_secret_key" | "seal_broken";

  constructor(code: SealError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const base64 = /^[A-Za-z0-9+/]{43}=?$/;

/** Takes 32-byte keys in base64 (padded or not); the first seals, all open. Throws SealError. */
export function openSecretKeys(list: readonly string[]): SecretKeys {
  const keys = new Map<string, Buffer>();
  list.forEach((text, index) => {
    const key = base64.test(text) ? Buffer.from(text, "base64") : Buffer.alloc(0);
    if (key.byteLength !== keyBytes) {
      throw new SealError("bad_secret_key", `secret key number ${index + 1} is not 32 bytes of base64`);
    }
    keys.set(createHash("sha256").update(key).digest("hex").slice(0, 8), key);
  });
  const [first] = keys;
  if (!first) throw new SealError("no_secret_keys", "there is no secret key to seal credentials with");
  const [currentId, current] = first;

  return {
    currentId,
    signers: [...keys.values()].map((key) => {
      const derived = Buffer.from(hkdfSync("sha256", key, "", "mailfleet signatures", keyBytes));
      return (text) => createHmac("sha256", derived).update(text).digest();
    }),
    seal(plain, context) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", current, nonce).setAAD(Buffer.from(context));
      const head = typeof plain === "string" ? cipher.update(plain, "utf8") : cipher.update(plain);
      return { bytes: Buffer.concat([nonce, head, cipher.final(), cipher.getAuthTag()]), keyId: currentId };
    },
    open({ bytes, keyId }, context) {
      const key = keys.get(keyId);
      if (!key) throw new SealError("unknown_secret_key", `a secret was sealed with key ${keyId}, which is not listed`);
      if (bytes.byteLength < nonceBytes + tagBytes) throw new SealError("seal_broken", "a sealed secret is too short");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
        .setAAD(Buffer.from(context))
        .setAuthTag(bytes.subarray(-tagBytes));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
      } catch (error) {
        throw new SealError("seal_broken", "a sealed secret was changed, or belongs elsewhere", { cause: error });
      }
    },
  };
}
