/** The replies of mail transactions (RFC 5321, RFC 3463). Texts are for people; no code depends on them. */
import type { EnhancedStatusCode, SmtpReply } from "@mailfleet/mail";
import type { Acceptance } from "@mailfleet/store";

export const reply = (code: number, status: EnhancedStatusCode, text: string): SmtpReply => ({ code, status, text });

export const tooManyRecipients = reply(452, "4.5.3", "Too many recipients");
export const storeAway = reply(451, "4.3.0", "Cannot store messages right now, try again later");
export const overloaded = reply(452, "4.3.1", "Too much to do right now, try again later");

/** A message that says something wrong about itself; `what` names the field. */
export const badContent = (what: string): SmtpReply => reply(550, "5.6.0", what);

export const accepted = (id: string): SmtpReply => reply(250, "2.0.0", `accepted as ${id}`);

/** What SMTP says where the outbox refuses. */
export function refusalOf({ code, detail }: Extract<Acceptance, { kind: "refused" }>): SmtpReply {
  switch (code) {
    case "id_conflict":
      return reply(550, "5.6.0", "Mailfleet-Id: this id was used for another message");
    case "account_not_found":
    case "no_account":
      return reply(550, "5.7.1", capitalised(detail));
    case "tenant_suspended":
      return reply(550, "5.7.1", "The tenant is suspended");
    case "rate_limited":
      return reply(451, "4.7.1", "The account's limit is used up, try again later");
    case "busy":
      return reply(451, "4.3.0", "The same id is being submitted elsewhere, try again later");
  }
}

const capitalised = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
