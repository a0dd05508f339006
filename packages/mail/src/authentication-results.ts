/**
 * What our own mail servers found out about a message's sender: Authentication-Results (RFC 8601), and whether any of
 * it speaks for the domain in From.
 *
 * Anybody can write such a field. Which count:
 * 1. Only fields whose authserv-id is configured.
 * 2. Of each authserv-id only its topmost field. A server puts its own above what it was given, so a field that a
 *    sender brought along is below it; and a server that keeps to RFC 8601 section 5 has taken that one out.
 * 3. Nothing below the first foreign hop: the first Received field by another host than an authserv-id's, once one by
 *    an authserv-id's has been passed. What lies below was written before the message reached us.
 * 4. Nothing below the author's own fields (From, Date, Subject, Message-ID, MIME-Version), as trace fields come first.
 *
 * Exchange Online names no server in its fields; with the authserv-id `outlook.com` the topmost such field counts that
 * lies below one of its own hops.
 *
 * A field that does not parse to its end says nothing at all, lest a quote or a comment hide where a result begins.
 */
import { parseAddress, parseDomain } from "./address.ts";
import { authorOf } from "./author.ts";
import { isWithin } from "./domain-alignment.ts";
import { fieldTextLimit, withoutComments } from "./field-text.ts";
import type { ParsedMessage } from "./parsed-message.ts";

export interface MethodResult {
  /** Lower case, such as `dmarc`. */
  readonly method: string;
  /** Lower case, such as `pass`. */
  readonly result: string;
  /** The domain that it speaks for, normalised; absent where it names none. */
  readonly domain?: string;
  /** It is a pass that speaks for the domain in From. */
  readonly aligned: boolean;
}

export interface Authentication {
  /** At least one method's pass speaks for the domain in From. */
  readonly aligned: boolean;
  /** What the fields that count say of SPF, DKIM and DMARC. */
  readonly methods: readonly MethodResult[];
}

/**
 * Reads the results that count. Aligned are: `dmarc=pass` with `header.from` the very domain in From; `dkim=pass` with
 * `header.d` (else the domain of `header.i`), and `spf=pass` with the domain of `smtp.mailfrom`, where From's domain
 * is that domain or lies below it. That a subdomain signs for its parent is left to DMARC, whose server knows the
 * public suffixes. SPF for HELO alone never counts, nor do two DMARC or two SPF results in one field.
 */
export function authenticationOf(message: ParsedMessage, authservIds: readonly string[]): Authentication {
  const author = authorOf(message);
  const fromDomain = author.kind === "one" ? author.address.domain : undefined;
  const methods = fieldsThatCount(message, authservIds).flatMap((results) => judge(results, fromDomain));
  return { aligned: methods.some(({ aligned }) => aligned), methods };
}

interface Statement {
  readonly method: string;
  readonly result: string;
  /** By `ptype.property`, in lower case. */
  readonly properties: ReadonlyMap<string, string>;
}

/** What stands for Exchange Online, and the domains of its hosts. */
const exchangeOnline = { authservId: "outlook.com", hosts: ["outlook.com", "office365.com"] } as const;

const authorsFields = new Set(["from", "date", "subject", "message-id", "mime-version"]);

function fieldsThatCount({ fields }: ParsedMessage, authservIds: readonly string[]): (readonly Statement[])[] {
  const waiting = new Set(authservIds.map((id) => id.toLowerCase()));
  const ours = [...waiting].flatMap((id) =>
    id === exchangeOnline.authservId ? exchangeOnline.hosts : (domainOrNothing(id) ?? []),
  );
  const found: (readonly Statement[])[] = [];
  let passedOurs = false;
  for (const { name, value } of fields) {
    const lower = name.toLowerCase();
    if (waiting.size === 0 || authorsFields.has(lower)) break;
    if (lower === "received") {
      const by = receivedBy(value);
      const isOurs = by !== undefined && ours.some((id) => isWithin(by, id) || isWithin(id, by));
      if (passedOurs && !isOurs) break;
      passedOurs ||= isOurs;
    }
    if (lower !== "authentication-results") continue;
    const read = readResults(value);
    if (!read) break; // It may have been ours, and the next one of that id the sender's.
    const nameless = read.authservId === "" && passedOurs;
    if (waiting.delete(nameless ? exchangeOnline.authservId : read.authservId)) found.push(read.statements);
  }
  return found;
}

function judge(statements: readonly Statement[], fromDomain: string | undefined): MethodResult[] {
  const count = (method: string) => statements.filter((statement) => statement.method === method).length;
  return statements
    .filter(({ method }) => method === "spf" || method === "dkim" || method === "dmarc")
    .map(({ method, result, properties }) => {
      const domain = domainFor(method, properties);
      const passes = result === "pass" && domain !== undefined && fromDomain !== undefined;
      const speaks = passes && (method === "dmarc" ? domain === fromDomain : isWithin(fromDomain, domain));
      const aligned = speaks && (method === "dkim" || count(method) === 1);
      return domain === undefined ? { method, result, aligned } : { method, result, domain, aligned };
    });
}

function domainFor(method: string, properties: ReadonlyMap<string, string>): string | undefined {
  if (method === "dmarc") return domainOrNothing(properties.get("header.from"));
  if (method === "dkim") return domainOrNothing(properties.get("header.d") ?? afterAt(properties.get("header.i")));
  const mailFrom = properties.get("smtp.mailfrom");
  if (!mailFrom?.includes("@")) return domainOrNothing(mailFrom);
  const parsed = parseAddress(mailFrom.startsWith("@") ? `x${mailFrom}` : mailFrom);
  return parsed.ok ? parsed.address.domain : undefined;
}

const afterAt = (text: string | undefined): string | undefined => text?.slice(text.lastIndexOf("@") + 1);

function domainOrNothing(text: string | undefined): string | undefined {
  const parsed = text ? parseDomain(text) : undefined;
  return parsed?.ok ? parsed.domain : undefined;
}

/** The host that wrote a Received field (RFC 5321 section 4.4). */
function receivedBy(value: string): string | undefined {
  const bare = withoutComments(value.slice(0, fieldTextLimit)) ?? "";
  return domainOrNothing(/(?:^|\s)by\s+([^\s;]{1,255})/i.exec(bare)?.[1]);
}

/**
 * `authserv-id [version] *( ";" method "=" result *( ptype "." property "=" value ) )`, its comments taken out. The
 * spaces that RFC 8601 allows around `=`, and that nobody writes, do not parse.
 */
function readResults(value: string): { authservId: string; statements: readonly Statement[] } | undefined {
  const bare = value.length > fieldTextLimit ? undefined : withoutComments(value);
  if (bare === undefined) return undefined;
  const [head = "", id = ""] = headPattern.exec(bare) ?? [];
  const statements = statementsOf(bare.slice(head.length).trimEnd()) ?? [];
  return { authservId: unquoted(id).toLowerCase(), statements };
}

const headPattern = /^\s*([^\s;="]+|"(?:[^"\\]|\\.)*")(?:\s+\d+)?\s*(?=;|$)/;
/** With a word that is no result: `none`, and the domains that Exchange puts in between. */
const separator = /\s*;\s*(?:[^\s;="]+\s*(?=;|$))?/y;
const pair = /\s*([^\s;="]+)=("(?:[^"\\]|\\.)*"|[^\s;"]*)(?=[\s;]|$)/y;

function statementsOf(text: string): Statement[] | undefined {
  const statements: Statement[] = [];
  let at = 0;
  let properties: Map<string, string> | undefined;
  while (at < text.length) {
    separator.lastIndex = pair.lastIndex = at;
    const separated = separator.exec(text);
    if (separated) {
      at = separator.lastIndex;
      properties = undefined;
      continue;
    }
    const [, name, value] = pair.exec(text) ?? [];
    if (name === undefined || value === undefined) return undefined;
    at = pair.lastIndex;
    if (properties === undefined) {
      properties = new Map();
      statements.push({ method: name.toLowerCase().split("/")[0]!, result: value.toLowerCase(), properties });
    } else if (!properties.has(name.toLowerCase())) {
      properties.set(name.toLowerCase(), unquoted(value));
    }
  }
  return statements;
}

const unquoted = (text: string): string => (text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/gs, "$1") : text);
