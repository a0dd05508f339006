import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chown, lstat, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { clusterFolder, existingCluster } from "./cluster-folder.ts";
import { greets } from "./dovecot-greeting.ts";
import { dovecotProgram } from "./dovecot-program.ts";
import { type DovecotPorts, dovecotSettings } from "./dovecot-settings.ts";
import { EmbeddedError } from "./embedded-error.ts";
import { type FolderLock, lockFolder, makeHome } from "./folder-lock.ts";
import { choosePort, isFree } from "./port.ts";
import { identifyProcess, type ProcessIdentity } from "./process-identity.ts";
import { type ServerLife, serverLife } from "./server-life.ts";
import { stopWithParent } from "./stop-with-parent.ts";
import { type Credentials, unprivilegedUser } from "./unprivileged-user.ts";

export interface EmbeddedDovecotOptions {
  /** The data folder; Dovecot keeps its settings, its log, its ports and all mail in `dovecot/` in it. */
  readonly dataDir: string;
  readonly users: readonly DovecotUser[];
  /** What it shows to those who ask for TLS; PEM. Without it there is no TLS, and nobody listens on `imaps`. */
  readonly certificate?: { readonly key: string; readonly cert: string };
  /** Fixed ports on 127.0.0.1; one left out or 0 is chosen once and kept. */
  readonly ports?: Partial<DovecotPorts>;
  /** Connections at once, of one user or of all; 100 where left out. */
  readonly maxConnections?: number;
  /** Further lines of Dovecot's own settings, which win over ours. */
  readonly settings?: string;
  /** The program; where left out, `dovecot` where systems put servers, then on the PATH. */
  readonly binary?: string;
  /** Stops the server when this process dies, however it dies. By default it stays, for the next start to adopt. */
  readonly stopWithParent?: boolean;
}

export interface DovecotUser {
  /** The whole address, in lower case: it is the name to log in with, and the recipient at LMTP. */
  readonly address: string;
  readonly password: string;
  /** What XOAUTH2 and OAUTHBEARER take for this user; without it they refuse. */
  readonly accessToken?: string;
}

/** A running Dovecot of our own. Disposing of it stops it; its mail stays. */
export interface EmbeddedDovecot extends ServerLife {
  readonly host: "127.0.0.1";
  readonly ports: DovecotPorts;
  /** Where its `dovecot.conf`, its `log` and `mail/<address>/Maildir` lie. */
  readonly folder: string;
  /** Whom it runs as where we are root; undefined where it runs as ourselves. */
  readonly user: Credentials | undefined;
  /** True where it was still running, left by a process that was killed. */
  readonly adopted: boolean;
  readonly pid: number;
}

const startLimitMs = 15_000;
const stopLimitMs = 10_000;
const adoptLimitMs = 3_000;
const portAttempts = 3;
const pollMs = 20;
/** A socket's path has at most 107 bytes, and Dovecot's longest name in its folder is 24. */
const runFolderLimit = 80;
const portNames = ["imap", "imaps", "lmtp"] as const;
/**
 * Starts a Dovecot for this data folder, or adopts the one that still runs there with the same settings. All of it
 * runs as one ordinary user: ourselves, or as root the machine's `mail`. It is made for Dovecot 2.3.
 *
 * Throws EmbeddedError.
 */
export async function startEmbeddedDovecot(options: EmbeddedDovecotOptions): Promise<EmbeddedDovecot> {
  checkUsers(options.users);
  const program = await dovecotProgram(options.binary);
  const home = path.resolve(options.dataDir, "dovecot");
  await makeHome(home);
  const lock = await lockFolder(home);
  try {
    return await startLocked(home, lock, program, options);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Everything that is done to one server's folder. */
interface Place {
  readonly home: string;
  readonly folder: string;
  readonly runFolder: string;
  readonly user: Credentials | undefined;
  readonly program: string;
}

/** What a start leaves in the data folder for the next one. */
interface Running extends ProcessIdentity {
  readonly ports: DovecotPorts;
  readonly settingsHash: string;
}

async function startLocked(
  home: string,
  lock: FolderLock,
  program: string,
  options: EmbeddedDovecotOptions,
): Promise<EmbeddedDovecot> {
  const user = await unprivilegedUser(await existingCluster(home, "server"), "mail");
  const folder = await clusterFolder(home, user, "server");
  const place: Place = { home, folder, runFolder: runFolderOf(folder), user, program };
  await makeFolder(folder, user);
  await writeUsers(place, options);

  const record = path.join(home, "running.json");
  const orphan = await adopt(place, record, options);
  let server = orphan ?? (await startOnFreePorts(place, record, options));
  const watchParent = () => (options.stopWithParent ? stopWithParent(-server.pid, "TERM") : undefined);
  let watch = watchParent();

  const restart = async () => {
    if (await isStill(server)) return false;
    await stopServer(server); // Those of its processes that outlived it.
    server = await start(place, record, server.ports, options);
    watch?.release();
    watch = watchParent();
    return true;
  };
  const end = async () => {
    await stopServer(server);
    watch?.release();
    await rm(record, { force: true });
    await rm(place.runFolder, { recursive: true, force: true });
    await lock.release();
  };
  return {
    host: "127.0.0.1",
    ports: server.ports,
    folder,
    user,
    adopted: orphan !== undefined,
    get pid() {
      return server.pid;
    },
    ...serverLife(restart, end),
  };
}

/** A colon or a line break would write other users' lines. */
function checkUsers(users: readonly DovecotUser[]): void {
  for (const { address, password, accessToken } of users) {
    if (!/^[^\s:/%]+@[^\s:/%]+$/.test(address) || address !== address.toLowerCase()) {
      throw new EmbeddedError(
        "server_failed",
        `"${address}" cannot be a user of Dovecot's: an address in lower case can`,
      );
    }
    if (/[\r\n:]/.test(password + (accessToken ?? ""))) {
      throw new EmbeddedError("server_failed", `${address}'s password or token has a colon or a line break`);
    }
  }
}

function runFolderOf(folder: string): string {
  const inside = path.join(folder, "run");
  if (Buffer.byteLength(inside) <= runFolderLimit) return inside;
  const name = createHash("sha256").update(folder).digest("base64url").slice(0, 16);
  return path.join(tmpdir(), `mailfleet-dovecot-${name}`);
}

/** Makes a folder of the server's user, or makes sure that it is: below /tmp anybody may have been there first. */
async function makeFolder(folder: string, user: Credentials | undefined): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o755 });
    if (user) await chown(folder, user.uid, user.gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const found = await lstat(folder);
    const owner = user?.uid ?? process.getuid?.();
    if (found.isDirectory() && found.uid === owner) return;
    throw new EmbeddedError("server_failed", `${folder} is in the way: a folder of user ${owner}'s belongs there`);
  }
}

async function writeFor(place: Place, name: string, text: string): Promise<void> {
  const file = path.join(place.folder, name);
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  if (place.user) await chown(`${file}.new`, place.user.uid, place.user.gid);
  await rename(`${file}.new`, file);
}

/** Dovecot reads these anew when they change, so an adopted server learns of new users too. */
async function writeUsers(place: Place, { users }: EmbeddedDovecotOptions): Promise<void> {
  const line = (address: string, secret: string) => `${address}:{PLAIN}${secret}::::::\n`;
  const tokens = users.flatMap(({ address, accessToken }) => (accessToken ? [line(address, accessToken)] : []));
  await writeFor(place, "users", users.map(({ address, password }) => line(address, password)).join(""));
  await writeFor(place, "tokens", tokens.join(""));
}

/** The server that the record tells of, if it lives, answers, and is what we want; another is stopped. */
async function adopt(place: Place, record: string, options: EmbeddedDovecotOptions): Promise<Running | undefined> {
  const running = await readRecord(record);
  if (!running || !(await isStill(running))) return undefined;
  const fits = portNames.every((name) => !options.ports?.[name] || options.ports[name] === running.ports[name]);
  const settings = await settingsFor(place, running.ports, options);
  const same = hashOf(settings, options) === running.settingsHash;
  if (fits && same && (await greets(running.ports, adoptLimitMs))) return running;
  await stopServer(running);
  return undefined;
}

async function startOnFreePorts(place: Place, record: string, options: EmbeddedDovecotOptions): Promise<Running> {
  for (let attempt = 1; ; attempt++) {
    const ports = await choosePorts(place.home, options.ports);
    try {
      return await start(place, record, ports, options);
    } catch (error) {
      // Between our look at the ports and the server's, somebody else may have taken one.
      const lost = portNames.map(async (name) => !options.ports?.[name] && !(await isFree(ports[name])));
      if (!(await Promise.all(lost)).includes(true) || attempt === portAttempts) throw error;
    }
  }
}

async function choosePorts(home: string, wanted: Partial<DovecotPorts> = {}): Promise<DovecotPorts> {
  const chosen: Record<string, number> = {};
  for (const name of portNames) {
    const file = path.join(home, `${name}-port`);
    do {
      chosen[name] = await choosePort(file, wanted[name]);
      // The system may give the same free port twice, as nobody listens on it yet.
      if (portNames.filter((other) => chosen[other] === chosen[name]).length === 1) break;
      await rm(file, { force: true });
    } while (!wanted[name]);
  }
  return chosen as unknown as DovecotPorts;
}

const run = promisify(execFile);

async function settingsFor(place: Place, ports: DovecotPorts, options: EmbeddedDovecotOptions): Promise<string> {
  const { folder, runFolder, user } = place;
  const id = async (...args: string[]) =>
    (await run("id", [...args, ...(user ? [String(user.uid)] : [])])).stdout.trim();
  return dovecotSettings({
    folder,
    runFolder,
    user: await id("-un"),
    group: await id("-gn"),
    ports,
    tls: options.certificate !== undefined,
    maxConnections: options.maxConnections ?? 100,
    settings: options.settings ?? "",
  });
}

const hashOf = (settings: string, { certificate }: EmbeddedDovecotOptions): string =>
  createHash("sha256")
    .update(settings)
    .update(JSON.stringify(certificate ?? null))
    .digest("base64url");

async function start(
  place: Place,
  record: string,
  ports: DovecotPorts,
  options: EmbeddedDovecotOptions,
): Promise<Running> {
  const settings = await settingsFor(place, ports, options);
  await makeFolder(place.runFolder, place.user);
  await writeFor(place, "dovecot.conf", settings);
  await writeFor(place, "cert.pem", options.certificate?.cert ?? "");
  await writeFor(place, "key.pem", options.certificate?.key ?? "");
  await writeFor(place, "log", "");

  const log = await open(path.join(place.folder, "log"), "a");
  const child = spawn(place.program, ["-F", "-c", path.join(place.folder, "dovecot.conf")], {
    ...place.user,
    cwd: place.folder,
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
  });
  const failed = new Promise<Error>((resolve) => {
    child.once("error", resolve);
    child.once("exit", (code, signal) => resolve(new Error(`it ended with ${code ?? signal}`)));
  });
  child.unref();
  await log.close();

  const ready = await Promise.race([failed, greets(ports, startLimitMs)]);
  const identity = child.pid === undefined ? undefined : await identifyProcess(child.pid);
  if (ready !== true || !identity) {
    if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
    throw await startError(place, ready);
  }
  const running = { ...identity, ports, settingsHash: hashOf(settings, options) };
  await writeFile(`${record}.new`, JSON.stringify(running), { mode: 0o600 });
  await rename(`${record}.new`, record);
  return running;
}

async function startError({ folder, program }: Place, ready: unknown): Promise<EmbeddedError> {
  const said = (await readFile(path.join(folder, "log"), "utf8").catch(() => "")).trim().slice(-2_000);
  const why = ready instanceof Error ? ready.message : `no greeting within ${startLimitMs} ms`;
  return new EmbeddedError("server_failed", `${program} did not start: ${why}${said ? `\n${said}` : ""}`);
}

async function stopServer(server: Running): Promise<void> {
  const deadline = performance.now() + stopLimitMs;
  for (let signal: NodeJS.Signals | undefined = "SIGTERM"; await isStill(server); ) {
    if (performance.now() > deadline) signal = "SIGKILL"; // What it has accepted is in Maildirs, whole or not at all.
    if (signal) signalGroup(server.pid, signal);
    signal = undefined;
    await pause();
  }
  // Those who carry TLS connections outlive it, and hold on to its ports.
  signalGroup(server.pid, "SIGKILL");
  for (const name of portNames) {
    while (!(await isFree(server.ports[name])) && performance.now() < deadline) await pause();
  }
}

/** To Dovecot and all of its processes: it was started as the first of a group of its own. */
function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const isStill = async (server: ProcessIdentity): Promise<boolean> =>
  (await identifyProcess(server.pid))?.startedAt === server.startedAt;

async function readRecord(record: string): Promise<Running | undefined> {
  try {
    const { pid, startedAt, ports, settingsHash } = JSON.parse(await readFile(record, "utf8"));
    return { pid, startedAt, ports, settingsHash };
  } catch {
    return undefined; // None, or cut off: then Dovecot's own pid file keeps a second one from starting.
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, pollMs));
