/** What tests need: private servers, next hops that misbehave, real peers. */

export { type Certificate, makeCertificate } from "./certificate.ts";
export { type CutPoint, type CutProxy, cutProxy } from "./cut-proxy.ts";
export { type PrivateDatabase, type PrivateDatabaseOptions, privateDatabase } from "./database.ts";
export {
  type PrivateDovecot,
  type PrivateDovecotOptions,
  type PrivateDovecotUser,
  privateDovecot,
} from "./dovecot.ts";
export type { DovecotFolderStatus, DovecotMail, DovecotMessage } from "./dovecot-mail.ts";
export {
  type HopFault,
  type HopFaults,
  type HopMoment,
  type HopPoint,
  hopFaults,
  keepsAtFinalDot,
} from "./hop-faults.ts";
export { type Kept, type KeptCount, type KeptMessage, keep } from "./hop-kept.ts";
export { type HopProcess, startHopProcess } from "./hop-process.ts";
export { type ImapClient, type ImapClientOptions, type ImapReply, openImapClient } from "./imap-client.ts";
export type { ImapLies } from "./imap-commands.ts";
export { allAbilities, type FakeImap, type FakeImapOptions, fakeImap } from "./imap-fake.ts";
export type { ImapFault } from "./imap-faults.ts";
export type { FakeFolder, FakeMessage } from "./imap-folder.ts";
export { type HopOptions, type MisbehavingHop, startMisbehavingHop } from "./misbehaving-hop.ts";
export {
  type AskedModel,
  type ChatRequest,
  type ModelServer,
  obeysTheMail,
  type ScriptedReply,
  startModelServer,
  userText,
} from "./model-server.ts";
export { type PostfixOptions, type PrivatePostfix, privatePostfix } from "./postfix.ts";
export { type PrivateRedis, privateRedis } from "./redis.ts";
export { runSmtpSource, type SmtpSink, type SmtpSinkOptions, type SmtpSourceLoad, startSmtpSink } from "./smtp-sink.ts";
