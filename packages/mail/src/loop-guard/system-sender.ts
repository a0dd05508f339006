/** Programs by the local part of their address (RFC 3834 section 2, RFC 2142 section 5, and what programs call themselves). */

/** Wherever a sender is named: From, Sender and Return-Path. */
const anywhere = [
  // Who sends DSNs: RFC 3834 section 2, and the ways in which it is spelled.
  /^(mail(er)?[-_.]?d(a)?emon|mailer|mdaemon|postmaster)([-_.+]|$)/,
  // Lists and their robots: RFC 2142 section 5, RFC 3834 section 2; ezmlm, Mailman, LISTSERV, Majordomo, Sympa.
  /^owner[-_]/,
  /[-_](request|owner|bounces?|relay)([-+=]|$)|-return-\d+-/,
  /^(listserv|majordomo|mailman|sympa|listmaster|ezmlm)([-_.+]|$)/,
  // VERP of mass mailers.
  /^bounces?([-_.+=\d]|$)/,
] as const;

/** In From, and in Reply-To: a form on a web site may well send a person's message by way of such an address. */
const asAuthor = [
  // Says by itself that nobody reads what comes back, in the languages in which it is said.
  /(^|[^a-z])(no|do?[-_.]?not|dont|not)[-_.]?(repl(y|ies)|respond|response|answer|responder)([^a-z]|$)/,
  /(^|[^a-z])(n(e[-_.]?)?pas[-_.]?repondre|nao[-_.]?respond(er|a)|non[-_.]?rispondere|keine?[-_.]?antwort(en)?|nicht[-_.]?antworten|niet[-_.]?(be)?antwoorden|nie[-_.]?odpowiadaj|svara?[-_.]?(inte|ikke|ej)|unattended|nobody)([^a-z]|$)/,
  /^auto[-_.]?(reply|respon(d(er)?|se)|confirm|mail(er)?|message|notif(y|ication))([^a-z]|$)/,
  /^(root|daemon|cron|uucp|www-data|apache|nagios|icinga|zabbix)([-_.+]|$)/,
  /(^|[-_.])(notify|notifications?|alerts?|newsletters?)([-_.+]|$)/,
] as const;

/** Whether an address of From or Reply-To is a program's. */
export function isSystemAuthor(address: string): boolean {
  const local = localPart(address);
  return [...anywhere, ...asAuthor].some((pattern) => pattern.test(local));
}

/** Whether an address that only passed the message on (Sender, Return-Path) says that a program wrote it. */
export function isSystemRelay(address: string): boolean {
  const local = localPart(address);
  return anywhere.some((pattern) => pattern.test(local));
}

/** In lower case, without quotes, and out of what BATV (`prvs=`) and SRS wrap around it. */
function localPart(address: string): string {
  const at = address.lastIndexOf("@");
  const local = (at < 0 ? address : address.slice(0, at)).slice(0, 256).toLowerCase().replaceAll('"', "");
  return /^(ms)?prvs\d?=|^srs[01][=+-]/.test(local) ? local.slice(local.lastIndexOf("=") + 1) : local;
}
