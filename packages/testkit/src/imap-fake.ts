import { createServer, type Socket } from "node:net";
import type { FakeStore, ImapLies } from "./imap-commands.ts";
import { type FakeConnection, serveConnection } from "./imap-connection.ts";
import { type ImapFault, imapFaults } from "./imap-faults.ts";
import { type FakeFolder, type FakeMessage, fakeFolder } from "./imap-folder.ts";
import { listeningPort } from "./listening-port.ts";

/** A small IMAP server in memory, for what a real one cannot be told to do. It knows no TLS and no CONDSTORE. */
export interface FakeImap extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** The first user. */
  readonly user: string;
  /** Of every user: as a password, and as an access token. */
  readonly password: string;
  /** Logins that were tried, and those that were let in. A refused one counts; one that a fault answers counts too. */
  readonly logins: { readonly tried: number; readonly succeeded: number };
  readonly connections: number;
  /** Connections ever taken. */
  readonly accepted: number;
  /** The latest commands as they were said, on all connections, without secrets. */
  readonly commands: readonly string[];
  /** Puts a message into a folder: the first user's INBOX if not told otherwise. */
  append(content: string | Uint8Array, to?: { user?: string; folder?: string; flags?: readonly string[] }): FakeMessage;
  /** A folder, to look at and to change behind clients' backs. It must exist. */
  folder(path?: string, user?: string): FakeFolder;
  /** Another UIDVALIDITY, and UIDs from 1 on; connections are ended with BYE. */
  resetUidValidity(path?: string, user?: string): void;
  misbehaves(fault: ImapFault): void;
  /** Says these things of its mail, whatever is so; replaces earlier lies. */
  lies(lies: ImapLies): void;
  /** Takes back every fault and lie. */
  behaves(): void;
  /** Takes another password from now on, and refuses the old one. */
  setPassword(password: string): void;
  /** What it can do from now on, as new connections hear it. */
  setAbilities(abilities: readonly string[]): void;
  /** Says an untagged response, such as `9 EXISTS`, to every client with a folder open. */
  announce(response: string): void;
  /** Says BYE to all, and closes. */
  bye(text: string): void;
  /** Resets every connection. */
  cut(): void;
  /** Resolves once a client has said a command that fits, from now on or among those already said. */
  heard(pattern: RegExp, times?: number): Promise<void>;
  /** Resolves once so many clients idle. */
  idling(count?: number): Promise<void>;
}

export interface FakeImapOptions {
  readonly users?: readonly string[];
  readonly password?: string;
  /** What it can do beyond IMAP4rev1; `allAbilities` where left out. */
  readonly abilities?: readonly string[];
  readonly port?: number;
}

/** Everything that it can do beyond IMAP4rev1. */
export const allAbilities: readonly string[] = [
  "IDLE",
  "UIDPLUS",
  "MOVE",
  "SPECIAL-USE",
  "NAMESPACE",
  "UNSELECT",
  "ID",
  "LITERAL+",
  "SASL-IR",
  "AUTH=PLAIN",
  "AUTH=XOAUTH2",
];

const commandsKept = 2_000;
const waitLimitMs = 15_000;

export async function fakeImap(options: FakeImapOptions = {}): Promise<FakeImap> {
  const users = options.users ?? ["ann@example.org"];
  const faults = imapFaults();
  const open = new Map<Socket, FakeConnection>();
  const waiting = new Set<() => void>();
  let abilities = options.abilities ?? allAbilities;
  let password = options.password ?? "fake-password";
  let told: ImapLies = {};
  let accepted = 0;
  let tried = 0;
  let succeeded = 0;
  let commands: string[] = [];

  const wake = () => {
    for (const look of [...waiting]) look();
  };
  const refresh = () => {
    for (const connection of open.values()) connection.refresh();
  };
  const stores = new Map(users.map((user) => [user, fakeStore(refresh)]));
  const host = {
    capabilities: () => ["IMAP4rev1", ...abilities],
    lies: () => told,
    fault: (at: string) => faults.take(at, open.size),
    login: (user: string, secret: string) => {
      const store = secret === password ? stores.get(user) : undefined;
      if (store) succeeded++;
      return store;
    },
    heard: (command: string) => {
      if (command === "LOGIN" || command === "AUTHENTICATE") tried++;
      commands = [...commands.slice(1 - commandsKept), command];
      // A command is obeyed right after it was heard: look once that is so.
      setImmediate(wake);
    },
    idles: wake,
  };
  const server = createServer((socket) => {
    accepted++;
    socket.setNoDelay(true);
    socket.once("close", () => open.delete(socket));
    // Its place is taken before the greeting, which may be refused to one too many.
    open.set(socket, idleConnection);
    open.set(socket, serveConnection(socket, host));
  });
  const port = await listeningPort(server, options.port);

  const until = (what: string, holds: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        waiting.delete(look);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`${what} not within ${waitLimitMs} ms; said: ${commands.slice(-20).join(" | ")}`));
      }, waitLimitMs);
      const look = () => {
        if (!holds()) return;
        end();
        resolve();
      };
      waiting.add(look);
      look();
    });
  const folder = (path = "INBOX", user = users[0] ?? ""): FakeFolder => {
    const found = stores.get(user)?.folders.get(path);
    if (!found) throw new Error(`${user} has no folder ${path}`);
    return found;
  };
  const bye = (text: string) => {
    for (const connection of open.values()) connection.bye(text);
  };
  const cut = () => {
    for (const socket of open.keys()) socket.resetAndDestroy();
  };
  return {
    host: "127.0.0.1",
    port,
    user: users[0] ?? "",
    get password() {
      return password;
    },
    get logins() {
      return { tried, succeeded };
    },
    get connections() {
      return open.size;
    },
    get accepted() {
      return accepted;
    },
    get commands() {
      return commands;
    },
    append: (content, to = {}) => folder(to.folder, to.user).append(content, to.flags),
    folder,
    resetUidValidity(path, user) {
      folder(path, user).renumber();
      bye("the folder was made anew");
    },
    misbehaves: faults.add,
    lies(lies) {
      told = lies;
    },
    behaves() {
      faults.clear();
      told = {};
    },
    setPassword(next) {
      password = next;
    },
    setAbilities(next) {
      abilities = next;
    },
    announce(response) {
      for (const connection of open.values()) connection.announce(response);
    },
    bye,
    cut,
    heard: (pattern, times = 1) =>
      until(`${pattern} was heard`, () => commands.filter((command) => pattern.test(command)).length >= times),
    idling: (count = 1) =>
      until(`${count} idled`, () => [...open.values()].filter(({ state }) => state === "idle").length >= count),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      cut();
      await closed;
    },
  };
}

const idleConnection: FakeConnection = { state: "greeted", refresh() {}, announce() {}, bye() {} };

function fakeStore(changed: () => void): FakeStore {
  const folders = new Map<string, FakeFolder>();
  const create = (path: string, specialUse?: string) => {
    const made = fakeFolder(path, specialUse, changed);
    folders.set(path, made);
    return made;
  };
  create("INBOX");
  create("Sent", "\\Sent");
  create("Drafts", "\\Drafts");
  create("Trash", "\\Trash");
  return { folders, create };
}
