import PostalMime, { type Address } from "postal-mime";
import type { KeptMessage } from "./letter-box.ts";

/** A kept message as people read it. */
export interface Reading {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly messageId: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly text: string;
  readonly html: string;
  readonly attachments: readonly { readonly name: string; readonly contentType: string; readonly sizeBytes: number }[];
  /** Said where the message could not be read whole. */
  readonly note?: string;
}

/** Beyond it, only the beginning is read: the page is for a look, the raw message is for the rest. */
const readBytes = 512 * 1024;
const limits = { maxNestingDepth: 20, maxHeadersSize: 256 * 1024, maxRfc822NestingDepth: 0 };

const readings = new WeakMap<KeptMessage, Promise<Reading>>();

/** Reads a message once; the list asks for the same ones again and again. */
export function read(message: KeptMessage): Promise<Reading> {
  let reading = readings.get(message);
  if (!reading) {
    reading = parse(message.content);
    readings.set(message, reading);
  }
  return reading;
}

async function parse(content: Buffer): Promise<Reading> {
  try {
    const email = await PostalMime.parse(content.subarray(0, readBytes), limits);
    return {
      from: email.from ? addressText(email.from) : "",
      to: (email.to ?? []).map(addressText).join(", "),
      subject: email.subject ?? "",
      messageId: email.messageId ?? "",
      headers: email.headers.map(({ originalKey, value }) => ({ name: originalKey, value })),
      text: email.text ?? "",
      html: email.html ?? "",
      attachments: email.attachments.map(({ filename, mimeType, content: bytes }) => ({
        name: filename ?? "(no name)",
        contentType: mimeType,
        sizeBytes: typeof bytes === "string" ? bytes.length : bytes.byteLength,
      })),
      ...(content.length > readBytes ? { note: `Only its first ${readBytes / 1024} KiB are shown.` } : {}),
    };
  } catch {
    const nothing = { from: "", to: "", subject: "(cannot be read)", messageId: "", text: "", html: "" };
    return {
      ...nothing,
      headers: [],
      attachments: [],
      note: "This message cannot be read; its source can.",
    };
  }
}

const addressText = ({ name, address }: Address): string =>
  name && address ? `${name} <${address}>` : address || name;
