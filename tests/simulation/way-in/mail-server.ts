/** A message where it lies now. */
export interface Stored {
  readonly uid: number;
  readonly bytes: Buffer;
  readonly flags: Set<string>;
  readonly arrivedAt: Date;
  /** Until then the server shows it to nobody. */
  readonly shownFromMs: number;
}

export interface Folder {
  uidValidity: number;
  uidNext: number;
  messages: Stored[];
}

/** A connection as its server sees it. */
export interface Connection {
  /** The folder has more messages than before. */
  onNews(): void;
  /** The server, or the way to it, ends it. */
  cut(): void;
}

/** One mailbox's folders, in memory: what commands of sessions and people's deeds change, and nobody else. */
export interface MailServer {
  readonly folders: ReadonlyMap<string, Folder>;
  readonly connections: Set<Connection>;
  folder(path: string): Folder;
  add(path: string, message: Omit<Stored, "uid">): Stored;
  /** It gets a new UID there. */
  move(from: string, uid: number, to: string): Stored | undefined;
  /** All messages have new UIDs, in the order that `shuffle` gives them, and every connection ends. */
  renumber(path: string, shuffle: (messages: Stored[]) => Stored[]): void;
}

export const inbox = "INBOX";

export function openMailServer(): MailServer {
  const folders = new Map<string, Folder>();
  const connections = new Set<Connection>();
  let lastValidity = 1;

  const server: MailServer = {
    folders,
    connections,
    folder(path) {
      const folder = folders.get(path) ?? { uidValidity: lastValidity++, uidNext: 1, messages: [] };
      folders.set(path, folder);
      return folder;
    },
    add(path, message) {
      const folder = server.folder(path);
      const stored = { ...message, uid: folder.uidNext++ };
      folder.messages.push(stored);
      if (path === inbox) for (const connection of connections) connection.onNews();
      return stored;
    },
    move(from, uid, to) {
      const folder = server.folder(from);
      const found = folder.messages.find((one) => one.uid === uid);
      if (!found) return undefined;
      folder.messages = folder.messages.filter((one) => one !== found);
      return server.add(to, found);
    },
    renumber(path, shuffle) {
      const folder = server.folder(path);
      folder.uidValidity = lastValidity++;
      folder.messages = shuffle(folder.messages).map((message, n) => ({ ...message, uid: n + 1 }));
      folder.uidNext = folder.messages.length + 1;
      for (const connection of [...connections]) connection.cut();
    },
  };
  for (const path of [inbox, "Sent", "Drafts"]) server.folder(path);
  return server;
}

/** A field of a message's header, as it stands; undefined where there is none. */
export function fieldOf({ bytes }: Pick<Stored, "bytes">, name: string): string | undefined {
  const text = bytes.toString("latin1");
  const header = text.slice(0, text.indexOf("\r\n\r\n")).replace(/\r\n[ \t]+/g, " ");
  return new RegExp(`^${name}:[ \\t]*(.*)$`, "im").exec(header)?.[1];
}
