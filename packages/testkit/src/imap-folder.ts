/** A message in a fake server's folder. */
export interface FakeMessage {
  readonly uid: number;
  /** With CRLF line ends; latin1. */
  readonly content: string;
  readonly receivedAt: Date;
  readonly flags: ReadonlySet<string>;
  /** Grows with every change of flags. */
  readonly version: number;
}

/** A folder in memory: what a server keeps, before anybody looks at it through a connection. */
export interface FakeFolder {
  readonly path: string;
  readonly specialUse: string | undefined;
  uidValidity: number;
  readonly uidNext: number;
  /** In the order of their UIDs. */
  readonly messages: readonly FakeMessage[];
  append(content: string | Uint8Array, flags?: readonly string[], receivedAt?: Date): FakeMessage;
  setFlags(uid: number, flags: Iterable<string>): void;
  expunge(uids: Iterable<number>): void;
  /** A new UIDVALIDITY, and UIDs from 1 on. */
  renumber(): void;
}

/** `changed` is called after each change. */
export function fakeFolder(path: string, specialUse: string | undefined, changed: () => void): FakeFolder {
  let messages: FakeMessage[] = [];
  let uidNext = 1;
  let uidValidity = 1_700_000_000;
  return {
    path,
    specialUse,
    get uidValidity() {
      return uidValidity;
    },
    set uidValidity(value) {
      uidValidity = value;
    },
    get uidNext() {
      return uidNext;
    },
    get messages() {
      return messages;
    },
    append(content, flags = [], receivedAt = new Date()) {
      const text = Buffer.from(content).toString("latin1").replace(/\r?\n/g, "\r\n");
      const message = { uid: uidNext++, content: text, receivedAt, flags: new Set(flags), version: 0 };
      messages = [...messages, message];
      changed();
      return message;
    },
    setFlags(uid, flags) {
      messages = messages.map((message) =>
        message.uid === uid ? { ...message, flags: new Set(flags), version: message.version + 1 } : message,
      );
      changed();
    },
    expunge(uids) {
      const gone = new Set(uids);
      messages = messages.filter(({ uid }) => !gone.has(uid));
      changed();
    },
    renumber() {
      uidValidity++;
      messages = messages.map((message, index) => ({ ...message, uid: index + 1 }));
      uidNext = messages.length + 1;
    },
  };
}

/** The header's fields as they stand, folded lines and all. */
export function fieldsOf(content: string): readonly { readonly name: string; readonly raw: string }[] {
  const end = content.indexOf("\r\n\r\n");
  const header = end < 0 ? content : content.slice(0, end + 2);
  return [...header.matchAll(/^([!-9;-~]+):.*\r\n(?:[ \t].*\r\n)*/gm)].map(([raw, name = ""]) => ({ name, raw }));
}

/** The first field of that name, unfolded, without its name; "" where there is none. */
export function fieldOf(content: string, name: string): string {
  const found = fieldsOf(content).find((field) => field.name.toLowerCase() === name.toLowerCase());
  return found
    ? found.raw
        .slice(found.name.length + 1)
        .replace(/\r\n(?=[ \t])/g, "")
        .trim()
    : "";
}

export const bodyOf = (content: string): string => {
  const end = content.indexOf("\r\n\r\n");
  return end < 0 ? "" : content.slice(end + 4);
};
