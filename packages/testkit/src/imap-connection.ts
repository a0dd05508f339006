import type { Socket } from "node:net";
import { type CommandContext, carryOut, type FakeStore, type ImapLies } from "./imap-commands.ts";
import type { ImapFault } from "./imap-faults.ts";
import { imapWords, textOf } from "./imap-syntax.ts";

/** What a connection needs to know of its server. */
export interface ConnectionHost {
  readonly capabilities: () => readonly string[];
  readonly lies: () => ImapLies;
  readonly fault: (at: string) => ImapFault | undefined;
  /** The user's folders where name and secret fit. */
  readonly login: (user: string, secret: string) => FakeStore | undefined;
  /** Each command as it was said, without secrets. */
  readonly heard: (command: string) => void;
  /** A client idles from now on. */
  readonly idles: () => void;
}

/** One client's connection, for as long as it lasts. */
export interface FakeConnection {
  readonly state: "greeted" | "logged_in" | "selected" | "idle";
  /** Tells an idling client what has changed; others hear of it with their next command. */
  refresh(): void;
  /** Says an untagged response to a client with a folder open, whatever it means. */
  announce(response: string): void;
  bye(text: string): void;
}

/** Above this a command is nobody's mail. */
const commandLimitBytes = 64 * 1024 * 1024;

/** Serves one client; commands are carried out one after another. */
export function serveConnection(socket: Socket, host: ConnectionHost): FakeConnection {
  let buffered = "";
  let store: FakeStore | undefined;
  let idleTag: string | undefined;
  let stalled = false;
  /** Takes the next line for itself, such as the rest of AUTHENTICATE. */
  let takesLine: ((line: string) => void) | undefined;
  let turn = Promise.resolve();

  const write = (text: string) => {
    if (!stalled && socket.writable) socket.write(text, "latin1");
  };
  const context: CommandContext = {
    get store() {
      return store as FakeStore;
    },
    get lies() {
      return host.lies();
    },
    can: (ability) => host.capabilities().includes(ability),
    view: undefined,
    tell: (response) => write(`* ${response}\r\n`),
  };
  const bye = (text: string) => {
    write(`* BYE ${text}\r\n`);
    socket.end();
  };
  const refresh = () => {
    if (idleTag !== undefined && !host.lies().isSilentInIdle)
      for (const news of context.view?.news() ?? []) context.tell(news);
  };

  /** Acts a fault out, around the command; resolves with the reply, or undefined where none is to come. */
  const faulty = async (fault: ImapFault, act: () => Promise<string>): Promise<string | undefined> => {
    if (fault.does === "delay") await new Promise((resolve) => setTimeout(resolve, fault.ms ?? 0));
    if (fault.does === "expunge") context.view?.folder.expunge(fault.uids ?? []);
    if (fault.does === "delay" || fault.does === "expunge") return act();
    if (fault.after) await act();
    if (fault.does === "answer") return fault.text ?? "NO";
    if (fault.does === "bye") bye(fault.text ?? "gone");
    if (fault.does === "hang_up") socket.resetAndDestroy();
    stalled = true;
    return undefined;
  };

  const authenticate = async (user: string, secret: string): Promise<string> => {
    store = host.login(user, secret);
    if (!store) return "NO [AUTHENTICATIONFAILED] user name or password is wrong";
    return `OK [CAPABILITY ${host.capabilities().join(" ")}] welcome`;
  };
  /** PLAIN (RFC 4616), XOAUTH2 and OAUTHBEARER (RFC 7628), each as user and secret. */
  const credentials = (mechanism: string, response: string): readonly [user: string, secret: string] => {
    const text = Buffer.from(response, "base64").toString();
    if (mechanism === "PLAIN") return text.split("\0").slice(1, 3) as [string, string];
    const fields = text.split(String.fromCharCode(1));
    const user = /(?:user=|a=)([^,]*)/.exec(fields[0] ?? "")?.[1] ?? "";
    const bearer = "auth=Bearer ";
    return [user, fields.find((field) => field.startsWith(bearer))?.slice(bearer.length) ?? ""];
  };
  const nextLine = (asking: string) => {
    write(`+ ${asking}\r\n`);
    return new Promise<string>((resolve) => {
      takesLine = resolve;
      read();
    });
  };

  const act = async (tag: string, name: string, command: string): Promise<string> => {
    const words = imapWords(command);
    switch (name) {
      case "CAPABILITY":
        context.tell(`CAPABILITY ${host.capabilities().join(" ")}`);
        return "OK done";
      case "ID":
        context.tell('ID ("name" "fake")');
        return "OK done";
      case "LOGOUT":
        context.tell("BYE farewell");
        return "OK done";
      case "LOGIN":
        return authenticate(textOf(words[0]), textOf(words[1]));
      case "AUTHENTICATE": {
        const response = words[1] === undefined ? await nextLine("") : textOf(words[1]);
        return authenticate(...credentials(textOf(words[0]).toUpperCase(), response));
      }
    }
    if (!store) return "BAD not logged in";
    if (name === "IDLE" && context.can("IDLE")) {
      idleTag = tag;
      write("+ idling\r\n");
      refresh();
      host.idles();
      const line = await new Promise<string>((resolve) => {
        takesLine = resolve;
        read();
      });
      idleTag = undefined;
      if (line.toUpperCase() !== "DONE") return "BAD DONE was expected";
      host.heard("DONE");
      const fault = host.fault("DONE");
      return fault ? ((await faulty(fault, async () => "OK done")) ?? "") : "OK done";
    }
    return carryOut(name, words, context);
  };

  const obey = async (line: string): Promise<void> => {
    const [, tag = "*", name = "", rest = ""] = /^(\S+) ((?:UID )?[^\s]+)(?: ([\s\S]*))?$/i.exec(line) ?? [];
    const command = name.toUpperCase();
    const isLogin = command === "LOGIN" || command === "AUTHENTICATE";
    host.heard(isLogin ? command : rest === "" ? command : `${command} ${rest.slice(0, 500)}`);
    const doIt = async () => {
      try {
        return await act(tag, command, rest);
      } catch (error) {
        if (error instanceof SyntaxError) return `BAD ${error.message.replace(/\s+/g, " ")}`;
        throw error;
      }
    };
    const fault = host.fault(isLogin ? "LOGIN" : command);
    const reply = fault ? await faulty(fault, doIt) : await doIt();
    if (!reply || stalled) return;
    // Sequence numbers must not change under a command that uses them (RFC 3501 section 7.4.1).
    const settled = !["FETCH", "STORE", "SEARCH"].includes(command);
    if (settled && context.view) for (const news of context.view.news()) context.tell(news);
    write(`${tag} ${reply}\r\n`);
    if (command === "LOGOUT") socket.end();
  };

  /** Cuts one command off what has come, with its literals, asking for those that wait to be asked for. */
  let asked = 0;
  const cutCommand = (): string | undefined => {
    let end = 0;
    for (;;) {
      const lineEnd = buffered.indexOf("\r\n", end);
      if (lineEnd < 0) return undefined;
      const literal = /\{(\d+)(\+?)\}$/.exec(buffered.slice(Math.max(end, lineEnd - 20), lineEnd));
      if (!literal || takesLine) {
        const line = buffered.slice(0, lineEnd);
        buffered = buffered.slice(lineEnd + 2);
        asked = 0;
        return line;
      }
      end = lineEnd + 2;
      if (literal[2] === "" && asked < end) {
        asked = end;
        write("+ go on\r\n");
      }
      end += Number(literal[1]);
      if (buffered.length < end) return undefined;
    }
  };
  let busy = false;
  const read = () => {
    while (takesLine || !busy) {
      const line = cutCommand();
      if (line === undefined) return;
      if (takesLine) {
        const take = takesLine;
        takesLine = undefined;
        take(line);
      } else {
        busy = true;
        turn = turn
          .then(() => obey(line))
          .finally(() => {
            busy = false;
            read();
          });
      }
    }
  };

  socket.on("data", (data) => {
    buffered += data.toString("latin1");
    if (buffered.length > commandLimitBytes) return void socket.resetAndDestroy();
    read();
  });
  socket.on("error", () => {}); // A client that goes away is told of by "close".

  const greet = async () => `OK [CAPABILITY ${host.capabilities().join(" ")}] fake`;
  const fault = host.fault("GREETING");
  void (fault ? faulty(fault, greet) : greet()).then((greeting) => {
    if (greeting) write(`* ${greeting}\r\n`);
  });
  return {
    get state() {
      if (idleTag !== undefined) return "idle";
      return context.view ? "selected" : store ? "logged_in" : "greeted";
    },
    refresh,
    announce(response) {
      if (context.view) context.tell(response);
    },
    bye,
  };
}
