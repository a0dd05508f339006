import { bodyOf, type FakeMessage, fieldOf, fieldsOf } from "./imap-folder.ts";
import { type ImapWord, literal, quote, textOf } from "./imap-syntax.ts";

/** How a server's word about a message differs from the message. */
export interface FetchLies {
  readonly sizeBytes?: number;
  /** Whole contents are given where a part is asked for. */
  readonly ignoresPartial?: boolean;
  /** Contents are so long, whatever they are. */
  readonly literalBytes?: number;
}

/** The items of a FETCH response for one message (RFC 3501 section 7.4.2), without the parentheses. */
export function fetchItems(message: FakeMessage, wanted: ImapWord, lies: FetchLies): string {
  const items = (typeof wanted === "string" ? [wanted] : wanted).map((word) => textOf(word).toUpperCase());
  const names = items.includes("UID") ? items : ["UID", ...items];
  return names.map((name) => fetchItem(message, name, lies)).join(" ");
}

function fetchItem(message: FakeMessage, name: string, lies: FetchLies): string {
  const { uid, flags, content, receivedAt } = message;
  switch (name) {
    case "UID":
      return `UID ${uid}`;
    case "FLAGS":
      return `FLAGS (${[...flags].join(" ")})`;
    case "INTERNALDATE":
      return `INTERNALDATE ${quote(internalDate(receivedAt))}`;
    case "RFC822.SIZE":
      return `RFC822.SIZE ${lies.sizeBytes ?? content.length}`;
    case "ENVELOPE":
      return `ENVELOPE ${envelope(content)}`;
    case "BODYSTRUCTURE":
      return `BODYSTRUCTURE ${structure(content)}`;
  }
  const section = /^BODY(?:\.PEEK)?\[(.*?)\](?:<(\d+)\.(\d+)>)?$/.exec(name);
  if (!section) throw new SyntaxError(`${name} is no item here`);
  const [, part = "", start, length] = section;
  let text = sectionOf(content, part);
  if (lies.literalBytes !== undefined) text = "x".repeat(lies.literalBytes);
  if (start === undefined || lies.ignoresPartial) return `BODY[${part}] ${literal(text)}`;
  return `BODY[${part}]<${start}> ${literal(text.slice(Number(start), Number(start) + Number(length)))}`;
}

function sectionOf(content: string, part: string): string {
  const body = bodyOf(content);
  if (part === "") return content;
  if (part === "TEXT" || part === "1") return body;
  if (part === "HEADER") return content.slice(0, content.length - body.length);
  const [, names] = /^HEADER\.FIELDS \((.*)\)$/.exec(part) ?? [];
  if (names === undefined) throw new SyntaxError(`${part} is no section here`);
  const wanted = names.split(" ");
  const found = fieldsOf(content).filter(({ name }) => wanted.includes(name.toUpperCase()));
  return `${found.map(({ raw }) => raw).join("")}\r\n`;
}

/** Subject and Message-ID alone: nobody should trust a server's envelope further. */
function envelope(content: string): string {
  const text = (name: string) => quote(fieldOf(content, name));
  return `(${text("date")} ${text("subject")} NIL NIL NIL NIL NIL NIL ${text("in-reply-to")} ${text("message-id")})`;
}

/** As if every message were one plain text. */
function structure(content: string): string {
  const body = bodyOf(content);
  return `("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "8BIT" ${body.length} ${body.split("\r\n").length})`;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function internalDate(date: Date): string {
  const [day, time] = [String(date.getUTCDate()).padStart(2, " "), date.toISOString().slice(11, 19)];
  return `${day}-${months[date.getUTCMonth()]}-${date.getUTCFullYear()} ${time} +0000`;
}
