import { type FetchLies, fetchItems } from "./imap-fetch.ts";
import type { FakeFolder, FakeMessage } from "./imap-folder.ts";
import { searchKeys } from "./imap-search.ts";
import { type ImapWord, quote, setHas, textOf } from "./imap-syntax.ts";
import { type FolderView, folderView } from "./imap-view.ts";

/** Where a fake server says something else than what is so. Plain data; nothing of it changes what is kept. */
export interface ImapLies extends FetchLies {
  /** What SELECT and STATUS say; undefined is what is so, and null is nothing at all. */
  readonly uidNext?: number | null;
  readonly uidValidity?: number;
  /** UIDs that FETCH leaves out. */
  readonly unfetched?: readonly number[];
  /** UIDs that SEARCH does not find. */
  readonly unfound?: readonly number[];
  /** What SELECT says of how many there are. */
  readonly exists?: number;
  /** In IDLE nothing is told of. */
  readonly isSilentInIdle?: boolean;
}

/** The folders that one user sees. */
export interface FakeStore {
  readonly folders: ReadonlyMap<string, FakeFolder>;
  create(path: string): FakeFolder;
}

/** What a command works on, and says. */
export interface CommandContext {
  readonly store: FakeStore;
  readonly lies: ImapLies;
  readonly can: (ability: string) => boolean;
  view: FolderView | undefined;
  /** Says an untagged response. */
  readonly tell: (response: string) => void;
}

/** Carries out a command of a logged-in client; resolves with the reply after the tag. What it does not know throws. */
export function carryOut(name: string, words: readonly ImapWord[], context: CommandContext): string {
  const { store, tell, can } = context;
  const byUid = name.startsWith("UID ");
  switch (byUid ? name.slice(4) : name) {
    case "NOOP":
    case "CHECK":
    case "SUBSCRIBE":
      return "OK done";
    case "LIST":
      return list(words, context);
    case "LSUB":
      return "OK done";
    case "NAMESPACE":
      tell('NAMESPACE (("" "/")) NIL NIL');
      return "OK done";
    case "CREATE":
      if (store.folders.has(textOf(words[0]))) return "NO [ALREADYEXISTS] there is such a folder";
      store.create(textOf(words[0]));
      return "OK done";
    case "STATUS":
      return status(words, context);
    case "SELECT":
    case "EXAMINE":
      return select(textOf(words[0]), name === "EXAMINE", context);
    case "APPEND": {
      const folder = store.folders.get(textOf(words[0]));
      if (!folder) return "NO [TRYCREATE] no such folder";
      const flags = words.slice(1, -1).find((word) => typeof word !== "string") ?? [];
      const { uid } = folder.append(Buffer.from(textOf(words.at(-1)), "latin1"), (flags as ImapWord[]).map(textOf));
      return can("UIDPLUS") ? `OK [APPENDUID ${folder.uidValidity} ${uid}] done` : "OK done";
    }
  }

  const { view } = context;
  if (!view) return "BAD no folder is selected";
  const named = (set: ImapWord | undefined) =>
    view.known().filter(([sequence, { uid }]) => {
      const { uid: highestUid, sequence: highestSequence } = view.highest();
      return byUid ? setHas(textOf(set), uid, highestUid) : setHas(textOf(set), sequence, highestSequence);
    });
  switch (byUid ? name.slice(4) : name) {
    case "CLOSE":
      if (!view.readOnly) view.folder.expunge(deletedIn(view).map(({ uid }) => uid));
      context.view = undefined;
      return "OK done";
    case "UNSELECT":
      context.view = undefined;
      return "OK done";
    case "SEARCH": {
      const matches = searchKeys(words, view.highest());
      const found = view.known().filter(([sequence, message]) => matches(message, sequence));
      const honest = found.filter(([, { uid }]) => !context.lies.unfound?.includes(uid));
      tell(["SEARCH", ...honest.map(([sequence, { uid }]) => (byUid ? uid : sequence))].join(" "));
      return "OK done";
    }
    case "FETCH":
      for (const [sequence, message] of named(words[0])) {
        if (context.lies.unfetched?.includes(message.uid)) continue;
        tell(`${sequence} FETCH (${fetchItems(message, words[1] ?? [], context.lies)})`);
      }
      return "OK done";
    case "STORE":
      return storeFlags(named(words[0]), textOf(words[1]).toUpperCase(), words[2] ?? [], context);
    case "COPY":
    case "MOVE":
      return copy(
        named(words[0]).map(([, message]) => message),
        textOf(words[1]),
        name.endsWith("MOVE"),
        context,
      );
    case "EXPUNGE": {
      const meant = new Set(byUid ? named(words[0]).map(([, { uid }]) => uid) : view.known().map(([, { uid }]) => uid));
      view.folder.expunge(deletedIn(view).flatMap(({ uid }) => (meant.has(uid) ? [uid] : [])));
      return "OK done";
    }
  }
  throw new SyntaxError(`${name} is not known here`);
}

const deletedIn = ({ folder }: FolderView): readonly FakeMessage[] =>
  folder.messages.filter(({ flags }) => flags.has("\\Deleted"));

function list(words: readonly ImapWord[], { store, tell, can }: CommandContext): string {
  const pattern = textOf(words[1]);
  if (pattern === "") tell('LIST (\\Noselect) "/" ""');
  for (const { path, specialUse } of store.folders.values()) {
    const name = path.toUpperCase() === "INBOX" ? "INBOX" : path;
    if (pattern !== "*" && pattern !== "%" && pattern !== name) continue;
    const flags = ["\\HasNoChildren", ...(specialUse && can("SPECIAL-USE") ? [specialUse] : [])];
    tell(`LIST (${flags.join(" ")}) "/" ${quote(name)}`);
  }
  return "OK done";
}

function status(words: readonly ImapWord[], { store, lies, tell }: CommandContext): string {
  const folder = store.folders.get(textOf(words[0]));
  if (!folder) return "NO [NONEXISTENT] no such folder";
  const facts: Record<string, number | null> = {
    MESSAGES: folder.messages.length,
    UNSEEN: folder.messages.filter(({ flags }) => !flags.has("\\Seen")).length,
    RECENT: 0,
    UIDNEXT: lies.uidNext === undefined ? folder.uidNext : lies.uidNext,
    UIDVALIDITY: lies.uidValidity ?? folder.uidValidity,
  };
  const asked = (words[1] as readonly ImapWord[]).map((word) => textOf(word).toUpperCase());
  const told = asked.filter((name) => facts[name] !== undefined && facts[name] !== null);
  tell(`STATUS ${quote(folder.path)} (${told.map((name) => `${name} ${facts[name]}`).join(" ")})`);
  return "OK done";
}

function select(path: string, readOnly: boolean, context: CommandContext): string {
  const folder = context.store.folders.get(path);
  context.view = undefined;
  if (!folder) return "NO [NONEXISTENT] no such folder";
  const { lies, tell } = context;
  tell("FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)");
  tell(`OK [PERMANENTFLAGS (${readOnly ? "" : "\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*"})] kept`);
  tell(`${lies.exists ?? folder.messages.length} EXISTS`);
  tell("0 RECENT");
  tell(`OK [UIDVALIDITY ${lies.uidValidity ?? folder.uidValidity}] valid`);
  if (lies.uidNext !== null) tell(`OK [UIDNEXT ${lies.uidNext ?? folder.uidNext}] next`);
  context.view = folderView(folder, readOnly);
  return readOnly ? "OK [READ-ONLY] done" : "OK [READ-WRITE] done";
}

function storeFlags(
  messages: readonly (readonly [number, FakeMessage])[],
  how: string,
  wanted: ImapWord,
  { view, tell }: CommandContext,
): string {
  if (!view || view.readOnly) return "NO [READ-ONLY] nothing is changed here";
  const flags = (typeof wanted === "string" ? [wanted] : wanted).map(textOf);
  for (const [sequence, { uid, flags: before }] of messages) {
    const after = new Set(how.startsWith("FLAGS") ? [] : before);
    for (const flag of flags) how.startsWith("-") ? after.delete(flag) : after.add(flag);
    view.folder.setFlags(uid, after);
    view.told(view.folder.messages.filter((message) => message.uid === uid));
    if (!how.endsWith(".SILENT")) tell(`${sequence} FETCH (UID ${uid} FLAGS (${[...after].join(" ")}))`);
  }
  return "OK done";
}

function copy(
  messages: readonly FakeMessage[],
  to: string,
  moves: boolean,
  { store, view, tell, can }: CommandContext,
) {
  if (moves && !can("MOVE")) throw new SyntaxError("MOVE is not known here");
  const target = store.folders.get(to);
  if (!target || !view) return "NO [TRYCREATE] no such folder";
  const copies = messages.map(({ content, flags, receivedAt }) =>
    target.append(Buffer.from(content, "latin1"), [...flags], receivedAt),
  );
  const uids = (some: readonly FakeMessage[]) => some.map(({ uid }) => uid).join(",");
  const code = `[COPYUID ${target.uidValidity} ${uids(messages)} ${uids(copies)}]`;
  const says = can("UIDPLUS") && messages.length > 0;
  if (!moves) return says ? `OK ${code} done` : "OK done";
  if (says) tell(`OK ${code} moved`);
  view.folder.expunge(messages.map(({ uid }) => uid));
  return "OK done";
}
