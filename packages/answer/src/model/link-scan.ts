/** Finds in plain text what a mail program might make a link of, and judges each. Linear in the text's length. */
import {
  allowedAddress,
  allowedLink,
  asciiHost,
  isAllowedHost,
  looksLikeHost,
  type ReadyLinkRules,
} from "./link-policy.ts";

export type Segment =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "link"; readonly href: string }
  /** Something that was not allowed stood here. */
  | { readonly kind: "removed"; readonly what: "link" | "address" };

/** What no address reaches across: space, brackets, quotes, and punctuation beyond ASCII that is no dot. */
const breaker = /([\s<>"'`(){}[\]|^]|(?![\u3002\uff0e\uff61\u2024\ufe52])[^\P{P}\p{ASCII}])/u;

/** Letters, digits and signs of any script, with dots, hyphens and @: a host or an address, perhaps glued to words. */
const run = /(?:[\w.@-]|[\u3002\uff0e\uff61\u2024\ufe52]|[^\p{P}\p{Z}\p{C}\p{ASCII}])+/gu;
const letterRun = /[\p{L}\p{M}\p{N}._\-\u3002\uff0e\uff61\u2024\ufe52]+/gu;
const asciiRun = /[a-z0-9._-]+/gi;
const anyDot = /[.\u3002\uff0e\uff61\u2024\ufe52]/u;
/** Marks, and letters of other scripts behind ASCII: some programs end a top-level domain before them. */
const glued =
  /(?:(?<=[a-z0-9])[^\p{ASCII}\u3002\uff0e\uff61\u2024\ufe52]|\p{M})[^.@\u3002\uff0e\uff61\u2024\ufe52]*/giu;
const edge = /^[._\-\u3002\uff0e\uff61\u2024\ufe52]$/u;
const trailing = /^[.,;:!?*_~\u3002\uff0e\uff61]$/u;

/** Schemes that programs link without `//`. The others are links with it only. */
const schemes =
  /(?:^|[^a-z0-9])((?:javascript|vbscript|data|blob|view-source|intent|mailto|tel|sms|smsto|callto|skype|facetime|sips?|xmpp|im|whatsapp|tg|magnet|bitcoin|ethereum|cid|ms-[a-z-]{1,40}):(?=\S))/i;

/** Takes text without characters that nobody sees (`plainText`). */
export function scanLinks(rules: ReadyLinkRules, text: string): readonly Segment[] {
  const segments: Segment[] = [];
  for (const word of text.split(breaker)) {
    for (const segment of wordSegments(rules, word)) add(segments, segment);
  }
  return setApart(segments);
}

/** Behind these every program sees where a link begins. */
const opening = /[\s<"'*\p{Ps}\p{Pi}]$/u;

/**
 * What follows a link must not be read as more of it. Where something is glued before it, programs overlook the link and
 * make one of what its path ends in.
 */
function setApart(segments: readonly Segment[]): readonly Segment[] {
  return segments.flatMap((segment, index) => {
    if (segment.kind !== "link") return [segment];
    const before = segments[index - 1];
    const isGlued = before?.kind === "text" && !opening.test(before.text.slice(-1));
    const ends = runsOn(segments[index + 1], segments[index + 2]);
    return [...(isGlued ? [plain(" ")] : []), segment, ...(ends ? [plain(" ")] : [])];
  });
}

function runsOn(next: Segment | undefined, afterNext: Segment | undefined): boolean {
  if (next?.kind !== "text") return next?.kind === "link";
  const rest = next.text.slice(leadingMarks(next.text));
  return rest === "" ? afterNext?.kind === "link" : !breaker.test(rest[0] ?? "");
}

function leadingMarks(text: string): number {
  let end = 0;
  while (trailing.test(text[end] ?? "")) end++;
  return end;
}

function add(segments: Segment[], segment: Segment): void {
  if (segment.kind !== "text") return void segments.push(segment);
  if (segment.text === "") return;
  const last = segments.at(-1);
  if (last?.kind === "text") segments[segments.length - 1] = { kind: "text", text: last.text + segment.text };
  else segments.push(segment);
}

const plain = (text: string): Segment => ({ kind: "text", text });

function wordSegments(rules: ReadyLinkRules, word: string): readonly Segment[] {
  const slashes = word.search(/:[/\\]{2}/);
  const scheme = schemes.exec(word);
  if (slashes >= 0 && !(scheme && scheme.index < slashes)) {
    const start = schemeStart(word, slashes);
    return [...hostSegments(rules, word.slice(0, start)), ...urlSegments(rules, word.slice(start))];
  }
  if (!scheme) return hostSegments(rules, word);
  const start = scheme.index + scheme[0].length - (scheme[1]?.length ?? 0);
  return [...hostSegments(rules, word.slice(0, start)), ...schemeSegments(rules, word.slice(start))];
}

const removedLink: readonly Segment[] = [{ kind: "removed", what: "link" }];

/** A mail address may be written out where it is allowed; what else a link would put into the message may not. */
function schemeSegments(rules: ReadyLinkRules, word: string): readonly Segment[] {
  const written = withoutTrailing(word);
  const address = /^mailto:/i.test(written) ? allowedAddress(rules, written.slice("mailto:".length)) : undefined;
  return address === undefined ? removedLink : [plain(address), plain(word.slice(written.length))];
}

/** Not by a regular expression: one that looks for an end begins anew at every character. */
function withoutTrailing(text: string): string {
  let end = text.length;
  while (end > 0 && trailing.test(text[end - 1] ?? "")) end--;
  return text.slice(0, end);
}

function schemeStart(word: string, colon: number): number {
  let start = colon;
  while (start > 0 && /[a-z0-9+.-]/i.test(word[start - 1] ?? "")) start--;
  // A scheme begins with a letter (RFC 3986, section 3.1).
  while (start < colon && !/[a-z]/i.test(word[start] ?? "")) start++;
  return start;
}

function urlSegments(rules: ReadyLinkRules, word: string): readonly Segment[] {
  const url = withoutTrailing(word);
  const href = allowedLink(rules, url);
  return href ? [{ kind: "link", href }, plain(word.slice(url.length))] : removedLink;
}

function hostSegments(rules: ReadyLinkRules, word: string): readonly Segment[] {
  if (!anyDot.test(word) && !word.includes("@")) return [plain(word)];
  const segments: Segment[] = [];
  let done = 0;
  for (const found of word.matchAll(run)) {
    if (found.index < done) continue;
    const [from, to] = withoutEdges(found[0]);
    if (from === to) continue;
    const body = found[0].slice(from, to);
    const start = found.index + from;
    const end = found.index + to;
    const tail = /^[:/?#]/.test(word.slice(end)) ? word.slice(end) : "";
    const judged = judge(rules, body, tail);
    if (!judged) continue;
    segments.push(plain(word.slice(done, start)), ...judged.segments);
    done = judged.withTail ? word.length : end;
  }
  return [...segments, plain(word.slice(done))];
}

function withoutEdges(text: string): [from: number, to: number] {
  let from = 0;
  let to = text.length;
  while (from < to && edge.test(text[from] ?? "")) from++;
  while (to > from && edge.test(text[to - 1] ?? "")) to--;
  return [from, to];
}

interface Judged {
  readonly segments: readonly Segment[];
  /** What follows in the word went with it. */
  readonly withTail: boolean;
}

/** Undefined where it is text and nothing else. */
function judge(rules: ReadyLinkRules, body: string, tail: string): Judged | undefined {
  const at = body.lastIndexOf("@");
  if (at >= 0 && anyDot.test(body.slice(at))) {
    const address = allowedAddress(rules, body);
    if (address === undefined) return { segments: [{ kind: "removed", what: "address" }], withTail: tail !== "" };
    return { segments: [plain(address)], withTail: false };
  }
  if (!anyDot.test(body)) return undefined;
  if (at >= 0)
    return looksLikeHost(body.slice(0, at)) || holdsHost(body) || endsInGlue(body)
      ? { segments: removedLink, withTail: true }
      : undefined;

  const host = asciiHost(body);
  if (host !== "" && isAllowedHost(rules, host)) return wholeLink(rules, host, tail);
  if (looksLikeHost(body)) return { segments: removedLink, withTail: tail !== "" };
  if (holdsHost(body)) return { segments: gluedSegments(rules, body), withTail: false };
  return endsInGlue(body) ? { segments: removedLink, withTail: tail !== "" } : undefined;
}

function wholeLink(rules: ReadyLinkRules, host: string, tail: string): Judged {
  const rest = withoutTrailing(tail);
  const href = allowedLink(rules, `https://${host}${rest}`);
  if (!href) return { segments: removedLink, withTail: true };
  return { segments: [{ kind: "link", href }, plain(tail.slice(rest.length))], withTail: tail !== "" };
}

interface Part {
  readonly part: string;
  readonly start: number;
}

function dottedParts(pattern: RegExp, text: string, offset: number): readonly Part[] {
  return [...text.matchAll(pattern)].flatMap((found) => {
    const [from, to] = withoutEdges(found[0]);
    const part = found[0].slice(from, to);
    return anyDot.test(part) ? [{ part, start: offset + found.index + from }] : [];
  });
}

/** What is left as a host when signs, and then letters of other scripts, are taken off its ends. */
const partsOf = (body: string): readonly Part[] =>
  dottedParts(letterRun, body, 0).flatMap((one) =>
    looksLikeHost(one.part) ? [one] : dottedParts(asciiRun, one.part, one.start),
  );

const holdsHost = (body: string): boolean => partsOf(body).some(({ part }) => looksLikeHost(part));

const endsInGlue = (body: string): boolean => looksLikeHost(body.replace(glued, ""));

/** Hosts among letters of scripts that use no spaces: each is taken by itself, and set apart from its neighbours. */
function gluedSegments(rules: ReadyLinkRules, body: string): readonly Segment[] {
  const segments: Segment[] = [];
  let done = 0;
  for (const { part, start } of partsOf(body)) {
    const host = asciiHost(part);
    const allowed = host !== "" && isAllowedHost(rules, host) ? allowedLink(rules, `https://${host}`) : undefined;
    if (!allowed && !looksLikeHost(part)) continue;
    segments.push(plain(body.slice(done, start)));
    if (allowed) segments.push(plain(" "), { kind: "link", href: allowed }, plain(" "));
    else segments.push(...removedLink);
    done = start + part.length;
  }
  segments.push(plain(body.slice(done)));
  // With another dot beside them, what is left could be a host that was none before.
  return segments.some((segment) => segment.kind === "text" && anyDot.test(segment.text)) ? removedLink : segments;
}
