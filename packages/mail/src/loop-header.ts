/**
 * The field that every answer of ours carries, so that no Mailfleet ever answers it: neither the one that wrote it,
 * through whatever forwarding, nor another.
 *
 * It is signed, so that what it says of its fleet and mailbox can be believed where we wrote it ourselves. To be left
 * alone it needs no signature: who writes such a field asks for no answer.
 */
import { timingSafeEqual } from "node:crypto";
import type { HeaderField } from "./field.ts";
import { valuesOf } from "./field-text.ts";
import { isId } from "./ids.ts";
import type { ParsedField } from "./parsed-message.ts";
import type { Sign } from "./signed-name.ts";

/** Not of the `Mailfleet-` names, which tell a submission server what to do and are taken out there. */
export const loopHeaderName = "X-Mailfleet-Loop";

/** Where an answer comes from. Ids as `isId` has them; they are seen by the correspondent. */
export interface LoopMark {
  readonly fleet: string;
  readonly mailbox: string;
  /** Which answer of ours in its thread this is; the first is 1. */
  readonly depth: number;
}

export type ReadLoopHeader = ({ readonly kind: "ours" } & LoopMark) | { readonly kind: "foreign" };

/** The field of an answer; `sign` gives at least 16 bytes. Throws where the mark is not one: that is our own error. */
export function loopHeader(mark: LoopMark, sign: Sign): HeaderField {
  const { fleet, mailbox, depth } = mark;
  if (!isId(fleet) || !isId(mailbox) || !Number.isInteger(depth) || depth < 1 || depth > maxDepth) {
    throw new TypeError(`not a loop mark: ${JSON.stringify(mark)}`);
  }
  return {
    name: loopHeaderName,
    value: `v=1; f=${fleet}; m=${mailbox}; d=${depth}; s=${signatureOf(mark, sign).toString("base64url")}`,
  };
}

/**
 * What the loop headers of a message say; undefined where it has none. `ours` where one of the signers has signed one
 * of the first few, else `foreign`: another fleet's, an older key's, or forged.
 */
export function readLoopHeader(fields: readonly ParsedField[], signers: readonly Sign[]): ReadLoopHeader | undefined {
  const values = valuesOf(fields, loopHeaderName);
  if (values.length === 0) return undefined;
  for (const value of values.slice(0, maxFields)) {
    const [, fleet, mailbox, depth, signature] = pattern.exec(value.slice(0, maxLength).replace(/\s+/g, "")) ?? [];
    if (fleet === undefined || mailbox === undefined || signature === undefined) continue;
    const mark = { fleet, mailbox, depth: Number(depth) };
    const given = Buffer.from(signature, "base64url");
    if (signers.some((sign) => timingSafeEqual(signatureOf(mark, sign), given))) return { kind: "ours", ...mark };
  }
  return { kind: "foreign" };
}

const maxDepth = 9_999;
const maxFields = 5;
const maxLength = 600;
const signatureBytes = 16;
const pattern = /^v=1;f=([A-Za-z0-9._~-]{1,128});m=([A-Za-z0-9._~-]{1,128});d=([1-9]\d{0,3});s=([A-Za-z0-9_-]{22})$/;

function signatureOf({ fleet, mailbox, depth }: LoopMark, sign: Sign): Buffer {
  const bytes = sign(`mailfleet-loop 1 ${fleet} ${mailbox} ${depth}`);
  if (bytes.length < signatureBytes) throw new TypeError("a signature that is too short");
  return Buffer.from(bytes.subarray(0, signatureBytes));
}
