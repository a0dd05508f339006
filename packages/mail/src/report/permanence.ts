/**
 * Whether a failed delivery says that the address is dead (hard), or only that this message did not get through (soft).
 *
 * Hard failures end all mail to an address, so nothing is hard that can be about us, our content, or the moment: what
 * says so has to be an enhanced status code about the recipient (RFC 3463, the registry of RFC 5248), and nothing may
 * contradict it. A full mailbox, a policy, a filter, a route or a system are soft, however permanent their class.
 */
export type Permanence = "hard" | "soft";

/** Subject and detail of the codes that are about the recipient, and who says so. */
const hardCodes: ReadonlyMap<string, string> = new Map([
  ["1.1", "bad destination mailbox address (RFC 3463)"],
  ["1.2", "bad destination system address (RFC 3463)"],
  ["1.3", "bad destination mailbox address syntax (RFC 3463)"],
  ["1.6", "destination mailbox has moved, no forwarding address (RFC 3463)"],
  ["1.10", "recipient address has null MX (RFC 7505)"],
  ["2.1", "mailbox disabled, not accepting messages (RFC 3463)"],
  ["7.17", "mailbox owner has changed (RFC 7293)"],
  ["7.18", "domain owner has changed (RFC 7293)"],
]);

/** Reply codes that say it without an enhanced one; 550 and 553 do not, as policies use them too (RFC 5321). */
const hardReplyCodes: ReadonlyMap<number, string> = new Map([
  [521, "host does not accept mail (RFC 7504)"],
  [551, "user not local (RFC 5321)"],
  [556, "domain does not accept mail (RFC 7504)"],
]);

/**
 * How products word a failure to which they give no code that says anything. The first that fits counts; what may be a
 * filter's words comes first, as filters like to quote what they refuse.
 */
const wordings: readonly (readonly [words: RegExp, permanence: Permanence])[] = [
  [/spam|blocked|block(?:ed)? ?list|black ?list|blocklist|policy|reputation|denied|not permitted|virus|dnsbl/, "soft"],
  [/quota|mailbox (?:is )?full|exceeds|too large|insufficient .{0,20}storage/, "soft"],
  [/temporar|try again|timed? ?out|relay/, "soft"],
  [/user (?:is )?unknown|unknown (?:user|recipient|address|mailbox|local)/, "hard"],
  [/no such (?:user|recipient|mailbox|address|person|account)|no mailbox here/, "hard"],
  [/unrouteable address|address (?:was )?not found|(?:user|recipient|mailbox|account) (?:was )?not found/, "hard"],
  [/(?:does not|doesn't|does n't) exist|doesn't have an? .{1,80} account|not a known user/, "hard"],
  [/invalid (?:recipient|mailbox)|(?:mailbox|account|user) (?:has been |is )?(?:disabled|inactive|closed)/, "hard"],
];

/** What a report's text gives away of the reply it quotes. */
export interface QuotedCodes {
  readonly replyCode?: number;
  readonly status?: string;
}

const enhanced = /(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)/;
const reply = /(?<![\d.#])([45]\d\d)(?=[ \-:]|$)/;

/** The first codes of a text; addresses of hosts are not taken for them. */
export function quotedCodes(text: string): QuotedCodes {
  const status = enhanced.exec(text)?.[1];
  const replyCode = reply.exec(text)?.[1];
  return { ...(replyCode !== undefined && { replyCode: Number(replyCode) }), ...(status !== undefined && { status }) };
}

/** `status` as the report states it, `diagnostic` as it quotes the next hop. */
export function permanence(status: string | undefined, diagnostic: string | undefined): Permanence {
  const text = diagnostic ?? "";
  const quoted = quotedCodes(text);
  const codes = [status, quoted.status].filter((code) => code !== undefined);
  const isTransient = codes.some((code) => !code.startsWith("5")) || isBelow500(quoted.replyCode);
  if (isTransient) return "soft";

  // A detail of 0 says no more than the class and the subject: it neither confirms nor contradicts.
  const specific = codes.map((code) => code.slice(2)).filter((code) => !code.endsWith(".0"));
  if (specific.length > 0) return specific.every((code) => hardCodes.has(code)) ? "hard" : "soft";
  if (codes.some((code) => code.startsWith("5.7."))) return "soft";
  if (hardReplyCodes.has(quoted.replyCode ?? 0)) return "hard";
  const lower = text.toLowerCase().replaceAll("\u2019", "'");
  return wordings.find(([words]) => words.test(lower))?.[1] ?? "soft";
}

const isBelow500 = (code: number | undefined): boolean => code !== undefined && code < 500;
