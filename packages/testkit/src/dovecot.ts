import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type DovecotPorts, type EmbeddedDovecot, startEmbeddedDovecot } from "@mailfleet/embedded";
import { type Certificate, makeCertificate } from "./certificate.ts";
import { deliverByLmtp } from "./dovecot-lmtp.ts";
import { type DovecotMail, dovecotMail } from "./dovecot-mail.ts";
import { peerFolder } from "./peer-process.ts";

/**
 * A Dovecot of one's own: LMTP and IMAP on free ports of loopback, which stay the same over restarts, TLS, and a
 * Maildir for each user that is named, with the usual special-use folders (Sent, Drafts, Junk, Trash, Archive).
 */
export interface PrivateDovecot extends DovecotMail, AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly lmtpPort: number;
  /** Plain, and STARTTLS. */
  readonly imapPort: number;
  /** TLS from the first byte. */
  readonly imapsPort: number;
  /** The authority for its certificate, which names `localhost` and 127.0.0.1; PEM. */
  readonly caPem: string;
  /** Of every user that was named without one. */
  readonly password: string;
  /** Delivers over LMTP; resolves once Dovecot has accepted it. The reverse-path is `sender@example.org` if not given. */
  deliver(user: string, content: string | Uint8Array, options?: { readonly reversePath?: string }): Promise<void>;
  /** The messages in a user's INBOX, as they were delivered. */
  inbox(user: string): Promise<string[]>;
  /** Ends every connection, and listens nowhere until `start`; mail stays. */
  stop(): Promise<void>;
  start(): Promise<void>;
  restart(): Promise<void>;
  /**
   * Gives the folder another UIDVALIDITY and its messages new UIDs from 1 on; flags stay. Dovecot is stopped meanwhile,
   * so that nobody sees half of it.
   */
  resetUidValidity(user: string, folder?: string): Promise<void>;
  /** The processes it consists of now, and the memory that they alone hold (PSS where shared), in bytes. */
  memory(): Promise<{ readonly processes: number; readonly bytes: number }>;
  log(): Promise<string>;
}

/** A user; the address alone will do. */
export interface PrivateDovecotUser {
  readonly address: string;
  readonly password?: string;
  /** What XOAUTH2 and OAUTHBEARER take; without it they refuse this user. */
  readonly accessToken?: string;
}

export interface PrivateDovecotOptions {
  readonly certificate?: Certificate;
  /** Connections at once, of all users; 100 where left out. */
  readonly maxConnections?: number;
  /** Connections at once of one user from one address, beyond which a login is refused with [LIMIT]. */
  readonly maxUserConnections?: number;
  /** How often Dovecot says "Still here" in IDLE; two minutes where left out. */
  readonly idleNotifySeconds?: number;
  /** Further lines of Dovecot's own settings. */
  readonly settings?: string;
}

const commonPassword = "inbox-password";

/** Users are whole addresses in lower case, such as `ann@example.org`; others are refused with 550. */
export async function privateDovecot(
  users: readonly (string | PrivateDovecotUser)[],
  options: PrivateDovecotOptions = {},
): Promise<PrivateDovecot> {
  const certificate = options.certificate ?? (await makeCertificate());
  const data = await peerFolder("dovecot");
  const begin = (ports: Partial<DovecotPorts>) =>
    startEmbeddedDovecot({
      dataDir: data.path,
      users: users.map((user) => ({
        password: commonPassword,
        ...(typeof user === "string" ? { address: user } : user),
      })),
      certificate,
      ports,
      ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
      settings: settingsFor(options),
      stopWithParent: true,
    });
  let server: EmbeddedDovecot | undefined;
  try {
    server = await begin({});
  } catch (error) {
    await data[Symbol.asyncDispose]();
    throw error;
  }
  const { ports, folder: home } = server;
  const mail = await dovecotMail(server);

  const stop = async () => {
    const running = server;
    server = undefined;
    await running?.stop();
  };
  const start = async () => {
    server ??= await begin(ports);
  };
  const maildir = (user: string, folder = "INBOX") =>
    join(home, "mail", user, "Maildir", folder === "INBOX" ? "" : `.${folder.replaceAll("/", ".")}`);

  return {
    ...mail,
    host: "127.0.0.1",
    lmtpPort: ports.lmtp,
    imapPort: ports.imap,
    imapsPort: ports.imaps,
    caPem: certificate.cert,
    password: commonPassword,
    stop,
    start,
    log: () => readFile(join(home, "log"), "utf8"),
    async restart() {
      await stop();
      await start();
    },
    async deliver(user, content, { reversePath = "sender@example.org" } = {}) {
      await deliverByLmtp({ port: ports.lmtp, reversePath, recipient: user, content });
    },
    async inbox(user) {
      const messages: string[] = [];
      for (const part of ["new", "cur"]) {
        const path = join(maildir(user), part);
        const names = await readdir(path).catch(() => []);
        for (const name of names.sort()) messages.push(await readFile(join(path, name), "utf8"));
      }
      return messages;
    },
    async resetUidValidity(user, folder = "INBOX") {
      const before = await mail.status(user, folder);
      await stop();
      const path = maildir(user, folder);
      for (const name of await readdir(path)) {
        if (/^dovecot(-uidlist|\.index)/.test(name)) await rm(join(path, name));
      }
      await start();
      const { uidValidity } = await mail.status(user, folder);
      if (uidValidity === before.uidValidity) throw new Error(`UIDVALIDITY of ${folder} is still ${uidValidity}`);
    },
    async memory() {
      return server ? memoryOf(server.pid) : { processes: 0, bytes: 0 };
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await data[Symbol.asyncDispose]();
    },
  };
}

function settingsFor({ maxUserConnections, idleNotifySeconds, settings }: PrivateDovecotOptions): string {
  const lines = [settings ?? ""];
  if (maxUserConnections !== undefined) lines.push(`mail_max_userip_connections = ${maxUserConnections}`);
  if (idleNotifySeconds !== undefined) lines.push(`imap_idle_notify_interval = ${idleNotifySeconds}s`);
  return lines.join("\n");
}

/** Linux counts a page that n processes share as an nth for each (PSS), so that the sum is what they hold together. */
async function memoryOf(master: number): Promise<{ processes: number; bytes: number }> {
  const children = await readFile(`/proc/${master}/task/${master}/children`, "utf8");
  const pids = [String(master), ...children.trim().split(" ").filter(Boolean)];
  let bytes = 0;
  for (const pid of pids) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
    bytes += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1_024;
  }
  return { processes: pids.length, bytes };
}
