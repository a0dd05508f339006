/** How products open a bounce that is meant for people; each sentence is looked for in lower case, spaces squeezed. */

export interface BounceWording {
  readonly format: string;
  readonly opening: string;
  readonly action: "failed" | "delayed";
}

/** The first that is found counts, so the more telling ones come first. */
export const bounceWordings: readonly BounceWording[] = [
  { format: "qmail", opening: "this is the qmail-send program at", action: "failed" },
  { format: "exim", opening: "a message that you sent could not be delivered", action: "failed" },
  { format: "exim", opening: "a message that you sent has not yet been delivered", action: "delayed" },
  { format: "exim", opening: "has not been delivered to one or more of its recipients after", action: "delayed" },
  { format: "sendmail", opening: "the following addresses had permanent fatal errors", action: "failed" },
  { format: "sendmail", opening: "the following addresses had transient non-fatal errors", action: "delayed" },
  { format: "postfix", opening: "this is the mail system at host", action: "failed" },
  { format: "postfix", opening: "this is the postfix program at host", action: "failed" },
  { format: "yahoo", opening: "unable to deliver message to the following address", action: "failed" },
  { format: "yahoo", opening: "unable to deliver your message to the following address", action: "failed" },
  { format: "exchange", opening: "did not reach some or all of the intended recipients", action: "failed" },
  { format: "exchange", opening: "delivery has failed to these recipients or", action: "failed" },
  { format: "exchange", opening: "delivery to the following recipients failed", action: "failed" },
  { format: "exchange", opening: "delivery to these recipients has been delayed", action: "delayed" },
  { format: "gmail", opening: "delivery to the following recipient failed permanently", action: "failed" },
  { format: "gmail", opening: "delivery to the following recipient has been delayed", action: "delayed" },
  { format: "james", opening: "this is the james mail server at", action: "failed" },
];

/** Postfix and Sendmail open a delay like a failure, and say it further down. */
export const warningOnly = /this is a warning (?:message )?only/;

/** The line before the returned message, of which people's text is no part: ruled off, or in Exchange's own words. */
export const returnedMarker =
  /^(?:[ \t]{0,8}[-=*]{2,20}[ \t]{0,4}(?:below this line is|this is|enclosed is|here is|the body|(?:the )?(?:original|unsent|returned) message|(?:the )?(?:message )?headers?\b)|original message headers:)/i;
