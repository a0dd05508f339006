/** Follows a mailbox over IMAP (RFC 3501, 9051, 2177, 4315, 6154, 6851, 7162). The only door to imapflow. */
export type { Abilities } from "./abilities.ts";
export type { AppendedMessage, DeedOutcome, MayAct } from "./deeds.ts";
export { type FetchedMessage, MessageGoneError, type Place } from "./fetching.ts";
export type { Folder, SpecialUse } from "./folder.ts";
export {
  type FollowClock,
  type Follower,
  type FollowLimits,
  type FollowOptions,
  follow,
  followLimits,
  stateOf,
} from "./follow.ts";
export { type ImapTimeLimits, imapTimeLimits, sizeLimits } from "./limits.ts";
export type { Answer, Login, Refusal, ServerSettings } from "./line.ts";
export type { Criteria, Filters } from "./listing.ts";
export { isQuarantine, type KnownPosition, unknownWithoutWord } from "./plan.ts";
export { type Opened, type OpenOptions, openMailbox, type Session } from "./session.ts";
export type { Begun, FolderPlace, Found, HowFound, LookThrough, MailboxSink, Progress, Start } from "./sink.ts";
export { MailboxTroubleError, type Trouble, type TroubleKind } from "./trouble.ts";
export {
  failedReport,
  type MailboxReport,
  type MailboxVerifyStep,
  type VerifiedMailboxStep,
  verifyMailbox,
} from "./verify.ts";
export type { Heard } from "./waiting.ts";
