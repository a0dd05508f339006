/**
 * Bounces without a machine-readable part: a few dozen products say in their own sentences who did not get what. All of
 * them write a recipient at the beginning of a line and the reason after it, so one reading serves them all.
 */
import { parseAddress } from "../address.ts";
import { type Header, readHeader } from "../message-header.ts";
import { printable } from "../reply.ts";
import { bounceWordings, returnedMarker, warningOnly } from "./bounce-wordings.ts";
import { reportedRecipient } from "./delivery-status.ts";
import { allOf } from "./field-groups.ts";
import { quotedCodes } from "./permanence.ts";
import { type ReportedRecipient, reportLimits } from "./report.ts";

export interface TextBounce {
  readonly format: string;
  readonly recipients: readonly ReportedRecipient[];
  /** The header of the message that is returned at the end of the text. */
  readonly returned?: Header;
}

const lineLength = 1_000;
const reasonLines = 12;

const address = "([^\\s<>()\\[\\]'\",:;@]{1,64}@[^\\s<>()\\[\\]'\",:;@]{1,255})";
/** `<ann@example.org>:`, `ann@example.org`, `ann@example.org on 5/11/2026 …`, `ann@example.org<mailto:…>`. */
const recipientLine = new RegExp(`^[\\s*'"]{0,20}<?${address}[>'"]{0,2}[ \\t]{0,4}(?:$|:|<mailto:|\\(|on \\d)`, "i");
/** `Ann (ann@example.org)`, as Exchange writes it. */
const namedLine = new RegExp(`^[^()@]{1,100}\\(${address}\\)[ \\t]{0,4}(?:$|<mailto:)`, "i");
/** `550 5.1.1 <ann@example.org>... User unknown`, from whatever product. */
const codeLine = new RegExp(`^.{0,80}\\b[45]\\d\\d[ -].{0,200}?<${address}>`, "i");

const expandedFrom = new RegExp(`\\((?:ultimately )?(?:generated|expanded) from:? ?<?${address}>?\\)`, "i");

/** Reads the text of a bounce; undefined where it is in no shape that is known. The sender was judged before. */
export function readTextBounce(text: string, top: Header): TextBounce | undefined {
  const lines = text.split("\n").map((line) => line.slice(0, lineLength).trimEnd());
  const cut = lines.findIndex((line) => returnedMarker.test(line));
  const told = cut < 0 ? lines : lines.slice(0, cut);
  const squeezed = told.join(" ").replace(/\s+/g, " ").toLowerCase();
  const wording = bounceWordings.find(({ opening }) => squeezed.includes(opening));
  const failed = failedRecipients(top);

  const read = readRecipients(told, wording ? [recipientLine, namedLine] : [codeLine]);
  const known = failed.length > 0 ? new Map(failed.map((one) => [one, read.get(one) ?? ""])) : read;
  if (known.size === 0 && !wording) return undefined;
  const action = wording?.action === "delayed" || warningOnly.test(squeezed) ? "delayed" : "failed";
  // What is said to all is said to the only one.
  const reasonForAll = known.size === 1 && [...known.values()][0] === "" ? printable(codesOnwards(told)) : "";
  const recipients = [...known].map(([recipient, reason]) => {
    const diagnostic = reason || reasonForAll;
    const { status } = quotedCodes(diagnostic);
    return reportedRecipient({
      addresses: [recipient, ...aliasesOf(diagnostic)],
      action,
      ...(status !== undefined && { status }),
      ...(diagnostic !== "" && { diagnostic }),
    });
  });
  const returned = cut < 0 ? undefined : returnedHeader(lines.slice(cut + 1));
  return { format: wording?.format ?? "text", recipients, ...(returned && { returned }) };
}

/** Exim and Sendmail tell of which alias a recipient came: the alias is what was mailed. */
function aliasesOf(reason: string): readonly string[] {
  const alias = normalised(expandedFrom.exec(reason)?.[1] ?? "");
  return alias === undefined ? [] : [alias];
}

/** X-Failed-Recipients: Exim's and Google's list of who did not get the message. */
export function failedRecipients(top: Header): readonly string[] {
  const texts = allOf(top, "X-Failed-Recipients").flatMap(({ value }) => value.split(","));
  return texts.slice(0, reportLimits.recipients).flatMap((text) => normalised(text.trim()) ?? []);
}

/** Recipients in their order, each with what is said after it. */
function readRecipients(lines: readonly string[], shapes: readonly RegExp[]): Map<string, string> {
  const reasons = new Map<string, string[]>();
  let current: string[] | undefined;
  for (const line of lines) {
    const found = shapes.map((shape) => shape.exec(line)).find((match) => match !== null);
    const recipient = found?.[1] === undefined ? undefined : normalised(found[1]);
    if (recipient !== undefined && (reasons.has(recipient) || reasons.size < reportLimits.recipients)) {
      current = reasons.get(recipient) ?? [];
      reasons.set(recipient, current);
      const rest = shapes.includes(codeLine) ? line : line.slice(found?.[0].length);
      if (rest.trim()) current.push(rest);
    } else if (current && current.length < reasonLines && line.trim()) {
      current.push(line.trim());
    }
  }
  return new Map([...reasons].map(([recipient, said]) => [recipient, printable(said.join(" "))]));
}

/** The first line with a code, and what follows. */
function codesOnwards(lines: readonly string[]): string {
  const at = lines.findIndex((line) => /\b[45]\d\d[ -]|\b[45]\.\d{1,3}\.\d{1,3}\b/.test(line));
  return at < 0 ? "" : lines.slice(at, at + reasonLines).join(" ");
}

function returnedHeader(lines: readonly string[]): Header | undefined {
  const first = lines.findIndex((line) => /^[A-Za-z][\w-]{0,70}:/.test(line));
  if (first < 0) return undefined;
  const header = readHeader(Buffer.from(`${lines.slice(first).join("\n")}\n`));
  return header.ok ? header : undefined;
}

function normalised(text: string): string | undefined {
  const parsed = parseAddress(text);
  return parsed.ok ? parsed.address.address : undefined;
}
