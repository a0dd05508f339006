/** Addresses and parameters of MAIL and RCPT (RFC 5321, 1870, 3461, 6152, 6531), beyond what smtp-server has checked. */
import { type Refusal, reply, type Sender } from "@mailfleet/delivery";
import { type EnhancedStatusCode, type Notify, needsSmtpUtf8, parseAddress, type Recipient } from "@mailfleet/mail";

/** A path as smtp-server hands it over: the parameters are xtext-decoded, flags are `true`. */
export interface Path {
  readonly address: string;
  readonly args?: false | Readonly<Record<string, unknown>> | undefined;
}

export type ReadPath<T> =
  | { readonly kind: "read"; readonly value: T }
  | { readonly kind: "refused"; readonly reply: Refusal };

export type MailParameters = Pick<Sender, "reversePath" | "smtpUtf8" | "ret" | "envid">;

/** Characters, before xtext (RFC 3461 sections 4.2 and 4.4). */
const maxEnvidLength = 100;
const maxOrcptLength = 500;

const mailParameters = new Set(["SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH"]);
const recipientParameters = new Set(["NOTIFY", "ORCPT"]);

export function readMail({ address, args }: Path): ReadPath<MailParameters> {
  const given = args || {};
  const unknown = unknownParameter(given, mailParameters);
  if (unknown) return unknown;
  const smtpUtf8 = given.SMTPUTF8 === true;
  const ret = text(given.RET)?.toUpperCase();
  const envid = text(given.ENVID);
  if (envid !== undefined && envid.length > maxEnvidLength) return bad("ENVID is too long");

  const reversePath = address === "" ? read("") : readAddress(address, smtpUtf8, "5.1.7");
  if (reversePath.kind === "refused") return reversePath;
  return read({
    reversePath: reversePath.value,
    smtpUtf8,
    ...((ret === "FULL" || ret === "HDRS") && { ret }),
    ...(envid !== undefined && { envid }),
  });
}

export function readRecipient({ address, args }: Path, smtpUtf8: boolean): ReadPath<Recipient> {
  const given = args || {};
  const unknown = unknownParameter(given, recipientParameters);
  if (unknown) return unknown;
  const orcpt = text(given.ORCPT);
  if (orcpt !== undefined && orcpt.length > maxOrcptLength) return bad("ORCPT is too long");
  const notify = text(given.NOTIFY)?.toUpperCase().split(",");

  const recipient = readAddress(address, smtpUtf8, "5.1.3");
  if (recipient.kind === "refused") return recipient;
  return read({
    address: recipient.value,
    ...(notify !== undefined && { notify: [...new Set(notify)] as Notify[] }),
    ...(orcpt !== undefined && { orcpt }),
  });
}

function readAddress(address: string, smtpUtf8: boolean, status: EnhancedStatusCode): ReadPath<string> {
  // What was not UTF-8 has come out as replacement characters.
  const parsed = parseAddress(address.includes("\ufffd") ? "" : address);
  if (!parsed.ok) return { kind: "refused", reply: reply(553, status, "Bad address syntax") };
  if (!smtpUtf8 && needsSmtpUtf8(parsed.address.address)) {
    return { kind: "refused", reply: reply(553, "5.6.7", "Such an address needs SMTPUTF8") };
  }
  return read(parsed.address.address);
}

function unknownParameter(given: Readonly<Record<string, unknown>>, known: ReadonlySet<string>) {
  if (Object.keys(given).every((name) => known.has(name))) return undefined;
  return { kind: "refused", reply: reply(555, "5.5.4", "Parameter not recognized") } as const;
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const read = <T>(value: T): ReadPath<T> => ({ kind: "read", value });
const bad = (why: string) => ({ kind: "refused", reply: reply(501, "5.5.4", why) }) as const;
