/**
 * Problem details (RFC 9457). Every code that the API can answer with stands in one of two tables, which the OpenAPI
 * document and its page are made from. Codes never change their meaning; texts may.
 */

/** What a request as a whole can fail with. */
export const problems = {
  malformed_request: { status: 400, title: "The request is not HTTP as it should be" },
  malformed_json: { status: 400, title: "The body is not JSON" },
  malformed_utf8: { status: 400, title: "The body is not UTF-8" },
  json_too_deep: { status: 400, title: "The body is nested too deeply" },
  invalid_request: { status: 400, title: "Fields of the request are not valid" },
  body_required: { status: 400, title: "The request needs a body" },
  tenant_required: { status: 400, title: "The admin must name a tenant" },
  idempotency_key_differs: { status: 400, title: "Idempotency-Key and id differ" },
  bad_cursor: { status: 400, title: "The cursor is not one of this list" },
  unauthorized: { status: 401, title: "A valid key is needed" },
  forbidden: { status: 403, title: "The key does not allow this" },
  tenant_suspended: { status: 403, title: "The tenant is suspended" },
  sender_not_allowed: { status: 403, title: "The tenant may not send as this address" },
  route_not_found: { status: 404, title: "There is no such route" },
  tenant_not_found: { status: 404, title: "There is no such tenant" },
  key_not_found: { status: 404, title: "There is no such key" },
  account_not_found: { status: 404, title: "There is no such account" },
  message_not_found: { status: 404, title: "There is no such message" },
  delivery_not_found: { status: 404, title: "There is no such delivery" },
  suppression_not_found: { status: 404, title: "The address is not suppressed" },
  mailbox_not_found: { status: 404, title: "There is no such mailbox" },
  inbound_not_found: { status: 404, title: "There is no such inbound message" },
  attachment_not_found: { status: 404, title: "The message has no such attachment" },
  pool_not_found: { status: 404, title: "There is no such pool" },
  request_timeout: { status: 408, title: "The request took too long to arrive" },
  id_conflict: { status: 409, title: "The id was used for another message" },
  tenant_has_mail: { status: 409, title: "The tenant still has unfinished mail" },
  account_has_mail: { status: 409, title: "The account still has unfinished mail" },
  delivery_not_ended: { status: 409, title: "The delivery has not ended" },
  delivery_sent: { status: 409, title: "The delivery was sent" },
  delivery_resent: { status: 409, title: "The delivery was resent already" },
  content_gone: { status: 409, title: "The message's content is not kept any more" },
  account_gone: { status: 409, title: "The account was deleted" },
  too_many_keys: { status: 409, title: "The tenant has as many keys as it may" },
  too_many_accounts: { status: 409, title: "The tenant has as many accounts as it may" },
  too_many_mailboxes: { status: 409, title: "The tenant has as many mailboxes as it may" },
  mailbox_taken: { status: 409, title: "Another mailbox answers what arrives there" },
  mailbox_not_paused: { status: 409, title: "The mailbox is not paused" },
  inbound_not_ended: { status: 409, title: "The message has not ended" },
  mailbox_gone: { status: 409, title: "The mailbox was deleted" },
  inbound_answered: { status: 409, title: "The message was answered" },
  inbound_not_awaiting_approval: { status: 409, title: "The message does not wait for approval" },
  inbound_unreadable: { status: 422, title: "The message cannot be read" },
  delivery_not_held: { status: 409, title: "The delivery is not held" },
  body_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "The body is compressed, or not in a form that the route takes" },
  unknown_account: { status: 422, title: "The message names an account that does not exist" },
  no_account: { status: 422, title: "The tenant has no default account" },
  too_many_failures: { status: 429, title: "Too many failed attempts to authenticate" },
  tenant_busy: { status: 429, title: "The tenant has too many requests under way" },
  rate_limited: { status: 429, title: "The account's limit is used up" },
  header_too_large: { status: 431, title: "The request's header is too large" },
  internal_error: { status: 500, title: "Something went wrong here" },
  overloaded: { status: 503, title: "Too much is under way" },
  busy: { status: 503, title: "The same thing is being changed elsewhere" },
  no_worker: { status: 503, title: "No worker of this kind is running" },
  store_unavailable: { status: 503, title: "The database cannot be reached" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

/**
 * What a single field can be wrong with. Addresses and header fields bring codes of their own from the mail domain, and
 * answerers theirs: what they could not use is refused when it is stored.
 */
export const fieldCodes = {
  required: "The field is missing.",
  wrong_type: "The field has another type.",
  unknown_field: "There is no such field.",
  unsupported_field: "The field is part of the contract, but not supported by this version.",
  bad_value: "The value is not one of those allowed.",
  bad_format: "The text is not in the form that it must have.",
  too_long: "The text is too long.",
  too_short: "The text is too short.",
  too_many: "The list has too many entries.",
  too_few: "The list has too few entries.",
  too_large: "The number is too large.",
  too_small: "The number is too small.",
  not_a_multiple: "The number is not a multiple of what it must be.",
  control_character: "The text has a control character.",
  bad_duration: 'A duration looks like "5s", "10m" or "2d".',
  duration_too_long: "The duration is too long.",
  too_far_ahead: "The time is too far ahead.",
  not_after: "The time must be after another one.",
  bad_dkim_key: "The private key cannot sign.",
  unknown_account: "There is no such account.",
  secret_required: "The field needs a secret that is neither given nor stored, or that is stored for another place.",
} as const;

export interface FieldError {
  /** JSON Pointer (RFC 6901) into the body, or the name of a parameter. */
  readonly path: string;
  /** One of `fieldCodes`, or of the mail domain's codes. */
  readonly code: string;
  readonly detail: string;
}

/** What goes out as `application/problem+json`. */
export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
}

export interface ProblemExtras {
  readonly errors?: readonly FieldError[];
  /** Sent as Retry-After. */
  readonly retryAfterSeconds?: number;
  /** What went wrong inside: for the log, never for the client. */
  readonly cause?: unknown;
  /** The rest of the body is not worth reading: the connection closes after the answer. */
  readonly closes?: boolean;
}

/** How a request ends that is refused: thrown by hooks and handlers, and rendered in one place. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly details: ProblemDetails;
  readonly retryAfterSeconds: number | undefined;
  readonly closes: boolean;

  constructor(code: ProblemCode, detail?: string, extras: ProblemExtras = {}) {
    super(detail ?? problems[code].title, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.code = code;
    this.details = problemDetails(code, detail, extras.errors);
    this.retryAfterSeconds = extras.retryAfterSeconds;
    this.closes = extras.closes ?? false;
  }
}

export function problemDetails(code: ProblemCode, detail?: string, errors?: readonly FieldError[]): ProblemDetails {
  const { status, title } = problems[code];
  return {
    type: `urn:mailfleet:problem:${code}`,
    title,
    status,
    code,
    detail: detail ?? `${title}.`,
    ...(errors && { errors }),
  };
}
