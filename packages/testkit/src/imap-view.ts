import type { FakeFolder, FakeMessage } from "./imap-folder.ts";

/**
 * A folder as one connection has been told of it. Sequence numbers count what the client knows of, so a message that
 * others expunged keeps its number until the client hears of it.
 */
export interface FolderView {
  readonly folder: FakeFolder;
  readonly readOnly: boolean;
  /** The messages that the client knows of and that are still there, with their sequence numbers. */
  known(): readonly (readonly [sequence: number, message: FakeMessage])[];
  highest(): { readonly uid: number; readonly sequence: number };
  /** What the client has not been told yet, as responses; from then on it knows. */
  news(): string[];
  /** The client has been told of these messages' flags. */
  told(messages: Iterable<FakeMessage>): void;
}

export function folderView(folder: FakeFolder, readOnly: boolean): FolderView {
  let uids: number[] = folder.messages.map(({ uid }) => uid);
  const versions = new Map(folder.messages.map(({ uid, version }) => [uid, version]));
  const known = () => {
    const byUid = new Map(folder.messages.map((message) => [message.uid, message]));
    return uids.flatMap((uid, index) => {
      const message = byUid.get(uid);
      return message ? [[index + 1, message] as const] : [];
    });
  };
  return {
    folder,
    readOnly,
    known,
    highest: () => ({ uid: uids.at(-1) ?? 0, sequence: uids.length }),
    news() {
      const news: string[] = [];
      const there = new Map(folder.messages.map((message) => [message.uid, message]));
      for (let index = 0; index < uids.length; ) {
        if (there.has(uids[index] as number)) index++;
        else {
          uids.splice(index, 1);
          news.push(`${index + 1} EXPUNGE`);
        }
      }
      const before = uids.length;
      const last = uids.at(-1) ?? 0;
      for (const { uid, version } of folder.messages.filter(({ uid }) => uid > last)) {
        uids = [...uids, uid];
        versions.set(uid, version);
      }
      if (uids.length > before) news.push(`${uids.length} EXISTS`);
      for (const [sequence, { uid, flags, version }] of known()) {
        if (versions.get(uid) === version) continue;
        versions.set(uid, version);
        news.push(`${sequence} FETCH (UID ${uid} FLAGS (${[...flags].join(" ")}))`);
      }
      return news;
    },
    told(messages) {
      for (const { uid, version } of messages) versions.set(uid, version);
    },
  };
}
