/**
 * Where an answer may link to. Whatever a mail program might make a link of counts as one: addresses with a scheme,
 * bare domains, mail addresses, in every spelling that ends at another host.
 *
 * A link that stays is written anew from its parsed form, so that no program can read another host in it than we did.
 */
import { domainToASCII, domainToUnicode } from "node:url";
import { parse } from "tldts";

export interface LinkRules {
  /** Host names; their subdomains are allowed too. */
  readonly hosts: readonly string[];
  /** Mail addresses that may be written out, such as the correspondent's own. */
  readonly addresses: readonly string[];
}

/** The rules with hosts in A-labels. */
export interface ReadyLinkRules {
  readonly hosts: readonly string[];
  readonly addresses: ReadonlySet<string>;
}

export const readyLinkRules = ({ hosts, addresses }: LinkRules): ReadyLinkRules => ({
  hosts: hosts.map((host) => asciiHost(host)).filter((host) => host !== ""),
  addresses: new Set(addresses.map((address) => address.toLowerCase())),
});

/** Dots as browsers read them (UTS 46), and what NFKC makes one of. */
const dots = /[\u3002\uff0e\uff61\u2024\ufe52]/g;

/** In A-labels, lower case; empty where it is no host name. */
export function asciiHost(host: string): string {
  const ascii = domainToASCII(host.normalize("NFKC").replace(dots, ".").toLowerCase().replace(/\.$/, ""));
  return ascii.split(".").every((label) => /^[a-z0-9_-]{1,63}$/.test(label)) ? ascii : "";
}

export function isAllowedHost({ hosts }: ReadyLinkRules, host: string): boolean {
  return hosts.some((allowed) => host === allowed || host.endsWith(`.${allowed}`));
}

/**
 * Whether a mail program might link this text, or a part of it, which has a dot: a label after the first is a top-level
 * domain, even where something is glued to it.
 */
export function looksLikeHost(run: string): boolean {
  const host = run.normalize("NFKC").replace(dots, ".").toLowerCase();
  if (/^www\./.test(host)) return true;
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(host)) return host.split(".").every((byte) => Number(byte) < 256);
  const labels = host.split(".").slice(1);
  return [...new Set(labels.flatMap((label) => [label, label.split(/[^\p{L}\p{M}\p{N}]/u, 1)[0] ?? ""]))].some(
    isTopLevel,
  );
}

/** `com`, `рф` and `xn--p1ai`, but neither `txt` nor `example`. */
function isTopLevel(label: string): boolean {
  if (label.length < 2 || label.length > 63) return false;
  const name = label.startsWith("xn--") ? domainToUnicode(label) : label;
  return parse(`host.${name}`, suffixOnly).isIcann === true;
}

/** A public suffix, such as `com`, `co.uk` or `github.io`: whoever asks has a host below it. Takes A-labels. */
export function isOpenToAll(host: string): boolean {
  const { publicSuffix, isIcann, isPrivate } = parse(host, { allowPrivateDomains: true, validateHostname: false });
  return publicSuffix === host && (isIcann === true || isPrivate === true);
}

const suffixOnly = { allowPrivateDomains: false, validateHostname: false, detectIp: false } as const;

/**
 * The one spelling of a link to an allowed host; undefined for any other. Refused as well: user names (`good@evil`),
 * ports, schemes other than http and https, backslashes, and whatever carries another address in it.
 */
export function allowedLink(rules: ReadyLinkRules, text: string): string | undefined {
  if (/[\\\s]/.test(text)) return undefined;
  const url = URL.parse(text);
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) return undefined;
  // Parsers differ about https:/host and https:host; what is not plainly spelled stays out.
  if (!/^https?:\/\/[^/]/i.test(text)) return undefined;
  if (url.username || url.password || url.port || text.split(/[/?#]/, 3)[2]?.includes("@")) return undefined;
  // A host that we would spell in another way, such as one that ends in a dot, is no plain one.
  if (asciiHost(url.hostname) !== url.hostname || !isAllowedHost(rules, url.hostname)) return undefined;
  if (carriesAnotherAddress(`${url.pathname}${url.search}${url.hash}`)) return undefined;
  // Programs also end a link at these, and might make another one of the rest.
  return url.href.replace(
    /['()*!,;]|(?<=\?.*)\?|(?<=\.)\./g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** An allowed host may forward to wherever its query says; `?to=https%253A%252F%252Fevil` is decoded as far as it goes. */
function carriesAnotherAddress(rest: string): boolean {
  let text = rest;
  for (let round = 0; round < 4; round++) {
    if (/:\/|\/[/\\]|\\/.test(text)) return true;
    const decoded = decodedOnce(text);
    if (decoded === text) return false;
    text = decoded;
  }
  return true;
}

const decodedOnce = (text: string): string =>
  text.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));

/** One dot-atom (RFC 5322, section 3.2.3) of the plainest signs: so there is one @ in the whole, and no dot beside it. */
const plainLocalPart = /^[a-z0-9][a-z0-9_+-]*(?:\.[a-z0-9_+-]+)*$/i;

/**
 * The address as it may be written; undefined where it may not. A local part that could be a host is taken for one by
 * programs that begin in the middle, such as after a comma or a bracket.
 */
export function allowedAddress(rules: ReadyLinkRules, text: string): string | undefined {
  if (rules.addresses.has(text.toLowerCase())) return text;
  const at = text.lastIndexOf("@");
  const local = text.slice(0, Math.max(at, 0));
  if (!plainLocalPart.test(local) || looksLikeHost(local)) return undefined;
  const host = asciiHost(text.slice(at + 1));
  return host !== "" && isAllowedHost(rules, host) ? `${local}@${host}` : undefined;
}
