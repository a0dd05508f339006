/** One connection to the misbehaving next hop: a small SMTP server (RFC 5321, 2033, 2920, 3207, 4954). */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type HopFault, type HopFaults, type HopPoint, keepsAtFinalDot } from "./hop-faults.ts";
import type { Kept } from "./hop-kept.ts";

export interface HopManners {
  readonly lmtp: boolean;
  /** EHLO keywords, without STARTTLS and AUTH, which follow from the rest. */
  readonly extensions: readonly string[];
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly auth?: { readonly user: string; readonly pass: string };
  readonly authMechanisms: readonly string[];
  /** The first try for each recipient is put off, on whichever connection. */
  readonly greylists: boolean;
  readonly keepsContent: boolean;
  /** DATA is taken although every recipient was refused, which RFC 2920 lets a server do. */
  readonly takesDataForNobody: boolean;
}

export interface HopHouse {
  readonly manners: HopManners;
  readonly faults: HopFaults;
  readonly kept: Kept;
  readonly greylist: Set<string>;
  /** Who logged in, by mechanism. */
  readonly logins: string[];
}

const dataEnd = Buffer.from("\r\n.\r\n");

export function serveHopConnection(plainSocket: Socket, house: HopHouse): void {
  const { manners, faults, kept } = house;
  let socket = plainSocket;
  let pending: Buffer = Buffer.alloc(0);
  let inData = false;
  let busy = false;
  let messages = 0;
  let awaitsLogin: ((line: string) => void) | undefined;
  let reversePath: string | undefined;
  let recipients: string[] = [];
  let commands: string[] = [];

  const reset = () => {
    reversePath = undefined;
    recipients = [];
    commands = [];
  };

  const say = (reply: string) => void (socket.writable && socket.write(`${reply}\r\n`));

  /** Says the usual reply, or does what a fault says; `usual` happens only with the usual reply, or a drip of it. */
  const answer = (
    at: HopPoint,
    reply: string,
    usual: () => void = () => {},
    about = recipients,
    sender = reversePath,
  ) => {
    const fault = faults.take(at, { sender, recipients: about, messages });
    if (!fault) {
      usual();
      return say(reply);
    }
    misbehave(fault, reply, usual);
  };

  const misbehave = (fault: HopFault, reply: string, usual: () => void) => {
    switch (fault.does) {
      case "answer":
        say(fault.reply ?? "451 4.3.0 not now");
        if (fault.reply?.startsWith("421")) socket.end();
        return;
      case "hang_up":
        busy = true;
        return void socket.destroy();
      case "stall":
        busy = true;
        return;
      case "stops_reading":
        busy = true;
        return void socket.pause();
      case "drip":
        usual();
        return drip(`${fault.reply ?? reply}\r\n`, fault.everyMs ?? 1_000);
    }
  };

  const drip = (text: string, everyMs: number) => {
    busy = true;
    let at = 0;
    const timer = setInterval(() => {
      if (socket.destroyed) return clearInterval(timer);
      socket.write(text[at++]!);
      if (at < text.length) return;
      clearInterval(timer);
      busy = false;
      consume();
    }, everyMs);
  };

  const finalDot = (content: Buffer) => {
    if (recipients.length === 0) {
      reset();
      return say("554 5.5.1 nobody to give it to");
    }
    const message = {
      reversePath: reversePath ?? "",
      recipients,
      commands,
      messageId: messageIdOf(content),
      content: manners.keepsContent ? unstuffed(content) : Buffer.alloc(0),
      at: new Date(),
    };
    messages++;
    const about = recipients;
    reset();
    if (!manners.lmtp) {
      const fault = faults.take("final-dot", {
        sender: message.reversePath,
        recipients: about,
        messages: messages - 1,
      });
      if (!fault || keepsAtFinalDot(fault)) kept.add(message);
      const usual = "250 2.0.0 kept";
      return fault ? misbehave(fault, usual, () => {}) : say(usual);
    }
    for (const recipient of about) {
      const fault = faults.take("final-dot", {
        sender: message.reversePath,
        recipients: [recipient],
        messages: messages - 1,
      });
      if (!fault || keepsAtFinalDot(fault)) kept.add({ ...message, recipients: [recipient] });
      if (fault) misbehave(fault, "250 2.0.0 kept", () => {});
      else say("250 2.0.0 kept");
      if (busy) return;
    }
  };

  const ehlo = () => {
    const offers = [...manners.extensions];
    if (manners.tls && !(socket instanceof TLSSocket)) offers.push("STARTTLS");
    if (manners.auth) offers.push(`AUTH ${manners.authMechanisms.join(" ")}`);
    const lines = ["misbehaving.test", ...offers];
    return lines.map((line, at) => `250${at === lines.length - 1 ? " " : "-"}${line}`).join("\r\n");
  };

  const login = (mechanism: string, initial: string | undefined) => {
    const check = (user: string | undefined, pass: string | undefined) => {
      awaitsLogin = undefined;
      const known = user === manners.auth?.user && pass === manners.auth?.pass;
      if (!known) return answer("auth", "535 5.7.8 no such credentials");
      answer("auth", "235 2.7.0 welcome", () => void house.logins.push(mechanism));
    };
    const decode = (text: string) => Buffer.from(text, "base64").toString("utf8");
    const plain = (text: string) => {
      const [, user, pass] = decode(text).split("\0");
      check(user, pass);
    };
    const xoauth2 = (text: string) => {
      const [user = "", bearer = ""] = decode(text).split("\u0001");
      check(user.replace("user=", ""), bearer.replace("auth=Bearer ", ""));
    };
    if (mechanism === "PLAIN" && initial) return plain(initial);
    if (mechanism === "XOAUTH2" && initial) return xoauth2(initial);
    if (mechanism === "LOGIN") {
      awaitsLogin = (user) => {
        awaitsLogin = (pass) => check(decode(user), decode(pass));
        say("334 UGFzc3dvcmQ6");
      };
      return say("334 VXNlcm5hbWU6");
    }
    say("504 5.5.4 not that one");
  };

  const startTls = () => {
    const { tls } = manners;
    if (!tls) return answer("starttls", "502 5.5.1 no TLS here");
    const fault = faults.take("starttls", { recipients, messages });
    if (fault) return misbehave(fault, "220 2.0.0 go on", () => {});
    say("220 2.0.0 go on");
    plainSocket.removeAllListeners("data");
    pending = Buffer.alloc(0);
    socket = new TLSSocket(plainSocket, { isServer: true, ...tls });
    listen();
  };

  const command = (line: string) => {
    if (awaitsLogin) return awaitsLogin(line);
    const space = line.indexOf(" ");
    const verb = (space < 0 ? line : line.slice(0, space)).toUpperCase();
    switch (verb) {
      case "EHLO":
      case "LHLO":
        reset();
        return answer("ehlo", ehlo());
      case "HELO":
        return say("250 misbehaving.test");
      case "STARTTLS":
        return startTls();
      case "AUTH": {
        const [, mechanism = "", initial] = line.split(" ");
        return login(mechanism.toUpperCase(), initial);
      }
      case "MAIL":
        if (reversePath !== undefined) return say("503 5.5.1 one at a time");
        return mail(line, pathOf(line));
      case "RCPT":
        return rcpt(line, pathOf(line));
      case "DATA":
        if (recipients.length === 0 && !manners.takesDataForNobody) return say("503 5.5.1 for whom?");
        return answer("data", "354 go on", () => {
          inData = true;
        });
      case "RSET":
        reset();
        return say("250 2.0.0 forgotten");
      case "NOOP":
        return say("250 2.0.0 nothing");
      case "QUIT":
        say("221 2.0.0 bye");
        return void socket.end();
      default:
        return say("502 5.5.1 what?");
    }
  };

  const mail = (line: string, sender: string) => {
    const usual = () => {
      reversePath = sender;
      commands = [line];
    };
    answer("mail", "250 2.1.0 sender ok", usual, [], sender);
  };

  const rcpt = (line: string, recipient: string) => {
    if (reversePath === undefined) return say("503 5.5.1 from whom?");
    if (manners.greylists && !house.greylist.has(recipient)) {
      house.greylist.add(recipient);
      return say("450 4.7.1 come back later");
    }
    const usual = () => {
      recipients.push(recipient);
      commands.push(line);
    };
    answer("rcpt", "250 2.1.5 recipient ok", usual, [recipient]);
  };

  const consume = () => {
    while (!busy && !socket.destroyed) {
      if (inData) {
        // Content that is nothing but its end has no line end before the dot.
        const empty = pending.length >= 3 && pending.subarray(0, 3).equals(dataEnd.subarray(2));
        const end = empty ? 0 : pending.indexOf(dataEnd);
        if (end < 0) {
          const fault =
            pending.length > 0 ? faults.take("content", { sender: reversePath, recipients, messages }) : undefined;
          if (fault) misbehave(fault, "452 4.3.1 enough", () => {});
          return;
        }
        const content = empty ? Buffer.alloc(0) : pending.subarray(0, end + 2);
        pending = pending.subarray(empty ? 3 : end + dataEnd.length);
        inData = false;
        finalDot(content);
        continue;
      }
      const lineEnd = pending.indexOf(10);
      if (lineEnd < 0) return;
      const line = pending.toString("utf8", 0, lineEnd).replace(/\r$/, "");
      pending = pending.subarray(lineEnd + 1);
      command(line);
    }
  };

  const listen = () => {
    socket.on("data", (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      consume();
    });
    socket.on("error", () => socket.destroy());
  };
  plainSocket.setNoDelay(true);
  listen();
  answer("greeting", "220 misbehaving.test ESMTP");
}

const pathOf = (line: string): string => /<([^>]*)>/.exec(line)?.[1] ?? "";

const messageIdOf = (content: Buffer): string => {
  const headerEnd = content.indexOf("\r\n\r\n");
  const header = content.toString("latin1", 0, headerEnd < 0 ? content.length : headerEnd);
  return /^message-id:\s*(<[^>]*>)/im.exec(header)?.[1] ?? "";
};

function unstuffed(content: Buffer): Buffer {
  if (!content.includes("\r\n..") && content[0] !== 46) return Buffer.from(content);
  return Buffer.from(content.toString("latin1").replace(/^\./gm, ""), "latin1");
}
