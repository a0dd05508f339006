/** Owns shards of mailboxes by lease, follows them over IMAP, records what arrives, and does what is to be done there. */
export { watchSettings } from "./config.ts";
export { startWatch, type WatchDeps } from "./watch.ts";
