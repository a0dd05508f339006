/**
 * What tells one inbound message from another wherever it lies: a hash over the fields that no server rewrites when
 * it moves, copies or renumbers a message.
 *
 * It looks at the header only as far as the message's author and the hops wrote it, so that flags and marks that
 * a server or a client adds (X- fields, Authentication-Results, Return-Path) change nothing.
 */
import { createHash } from "node:crypto";
import type { Header } from "./message-header.ts";

export interface FingerprintFacts {
  /** The whole message's size, as the server tells it (RFC822.SIZE). */
  readonly sizeBytes: number;
  /** A digest of the body. A mailbox's follower must give it always or never, or one message has two fingerprints. */
  readonly bodyDigest?: Uint8Array;
}

const identifying = ["message-id", "date", "from", "to", "subject"] as const;

/**
 * The fingerprint: 32 bytes. It is made of Message-ID, Date, From, To and Subject as they stand, and of the Received
 * fields in their order, since two copies that took two ways are two messages. Without any Received field, as for
 * mail that was appended and never travelled, the size and the body's digest count too.
 *
 * The same for any order of different fields, any folding and either line end.
 */
export function fingerprintOf({ fields }: Header, { sizeBytes, bodyDigest }: FingerprintFacts): Uint8Array {
  const values = new Map<string, string[]>([...identifying, "received"].map((name) => [name, []]));
  for (const { name, value } of fields) values.get(name.toLowerCase())?.push(squeeze(value));
  const travelled = values.get("received")!.length > 0;
  const facts = [
    ...values,
    ...(travelled
      ? []
      : [
          ["size", sizeBytes],
          ["body", bodyDigest ? hex(bodyDigest) : ""],
        ]),
  ];
  return hash(`1 ${JSON.stringify(facts)}`);
}

/** The fingerprint of a message whose header cannot be read within our limits: of its first bytes and its size. */
export function fingerprintOfUnreadable(beginning: Uint8Array, sizeBytes: number): Uint8Array {
  const bytes = beginning.subarray(0, unreadableBytes);
  return createHash("sha256").update(`unreadable ${sizeBytes} ${bytes.length}\n`).update(bytes).digest();
}

const unreadableBytes = 65_536;

const hash = (text: string): Uint8Array => createHash("sha256").update(`mailfleet fingerprint ${text}`).digest();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const squeeze = (value: string): string => value.replace(/[ \t\r\n]+/g, " ").trim();
