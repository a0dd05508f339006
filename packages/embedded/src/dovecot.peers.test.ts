import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type EmbeddedDovecot, type EmbeddedDovecotOptions, startEmbeddedDovecot } from "./index.ts";
import { isFree } from "./port.ts";
import { identifyProcess } from "./process-identity.ts";

const ann = { address: "ann@example.org", password: "pass" };
let dataDir: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), "mailfleet-embedded-"));
  await chmod(dataDir, 0o777); // One test starts as another user.
});

afterEach(async () => {
  for (const child of children.splice(0)) await killed(child);
  await (await startEmbeddedDovecot({ dataDir, users: [ann] })).stop(); // Whatever a test left running.
  const elsewhere = await readFile(path.join(dataDir, "dovecot", "location"), "utf8").catch(() => undefined);
  if (elsewhere !== undefined) await rm(elsewhere.trim(), { recursive: true });
  await rm(dataDir, { recursive: true });
});

const start = (options: Partial<EmbeddedDovecotOptions> = {}): Promise<EmbeddedDovecot> =>
  startEmbeddedDovecot({ dataDir, users: [ann], ...options });

type Started = Pick<EmbeddedDovecot, "pid" | "ports" | "folder">;

async function forked(options: { words?: string[]; uid?: number } = {}): Promise<{ child: ChildProcess } & Started> {
  const program = fileURLToPath(new URL("./testing/start-dovecot-and-wait.ts", import.meta.url));
  const child = fork(program, [dataDir, ...(options.words ?? [])], {
    execArgv: ["--conditions=mailfleet-source"],
    stdio: "inherit",
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  children.push(child);
  const [started] = await once(child, "message", { signal: AbortSignal.timeout(20_000) });
  return { child, ...started };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

/** What the server says to some lines, up to where it hangs up. */
async function said(port: number, ...lines: string[]): Promise<string> {
  const socket = createConnection({ port, host: "127.0.0.1" });
  socket.write(lines.map((line) => `${line}\r\n`).join(""));
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

const login = (port: number, password = ann.password) =>
  said(port, `a LOGIN ${ann.address} ${password}`, "b STATUS INBOX (MESSAGES)", "c LOGOUT");

async function deliver(port: number): Promise<void> {
  const lines = [
    "LHLO x",
    "MAIL FROM:<>",
    `RCPT TO:<${ann.address}>`,
    "DATA",
    "Subject: hello",
    "",
    "hello",
    ".",
    "QUIT",
  ];
  expect(await said(port, ...lines)).toMatch(/^250 2\.0\.0 .*Saved/m);
}

test("Dovecot is adopted with its ports and its mail after its parent was killed", async () => {
  const { child, pid, ports } = await forked();
  await deliver(ports.lmtp);
  await killed(child);

  await using dovecot = await start();
  expect({ adopted: dovecot.adopted, pid: dovecot.pid, ports: dovecot.ports }).toEqual({ adopted: true, pid, ports });
  expect(await login(ports.imap)).toContain("MESSAGES 1");
});

test("with other settings Dovecot is restarted on the same ports, and its mail stays", async () => {
  const { child, pid, ports } = await forked();
  await deliver(ports.lmtp);
  await killed(child);

  await using dovecot = await start({ settings: "imap_idle_notify_interval = 5s" });
  expect({ adopted: dovecot.adopted, ports: dovecot.ports }).toEqual({ adopted: false, ports });
  expect(await identifyProcess(pid)).toBe(undefined);
  expect(await login(ports.imap)).toContain("MESSAGES 1");
});

test("a Dovecot that was killed runs again on its ports with its mail, once, and not after it was told to stop", async () => {
  await using dovecot = await start();
  const { pid, ports } = dovecot;
  await deliver(ports.lmtp);
  expect(await dovecot.revive()).toBe(false);
  process.kill(pid, "SIGKILL");
  await vi.waitFor(async () => expect(await identifyProcess(pid)).toBe(undefined));
  expect(await Promise.all([dovecot.revive(), dovecot.revive()])).toEqual([true, false]);
  expect(dovecot.pid).not.toBe(pid);
  expect(await login(ports.imap)).toContain("MESSAGES 1");
  await dovecot.stop();
  await dovecot.revive();
  expect(await isFree(ports.imap)).toBe(true);
});

test("with stopWithParent Dovecot does not outlive its parent, even a killed one", async () => {
  const { child, ports } = await forked({ words: ["stopWithParent"] });
  await killed(child);
  for (const end = performance.now() + 15_000; !(await isFree(ports.imap)); ) {
    if (performance.now() > end) throw new Error("Dovecot is still there");
  }
});

test.runIf(process.getuid?.() === 0)("an ordinary user can start it: nothing in it needs root", async () => {
  const nobody = 65_534;
  const { ports, folder } = await forked({ uid: nobody });
  await deliver(ports.lmtp);
  expect(await login(ports.imap)).toContain("MESSAGES 1");
  expect((await stat(path.join(folder, "mail", ann.address))).uid).toBe(nobody);
  expect(await readFile(path.join(folder, "log"), "utf8")).not.toMatch(/(Error|Fatal|Panic):/);
});

test.runIf(process.getuid?.() === 0)("root's data folder may be closed: the mail then lies elsewhere", async () => {
  await chmod(dataDir, 0o700);
  const first = await start();
  await deliver(first.ports.lmtp);
  await first.stop();
  expect(first.folder.startsWith(dataDir)).toBe(false);

  await using second = await start();
  expect(second.folder).toBe(first.folder);
  expect(await login(second.ports.imap)).toContain("MESSAGES 1");
});

test("a data folder may lie deeper than a socket's path can reach", async () => {
  const deep = path.join(dataDir, "d".repeat(90));
  await mkdir(deep);
  await chmod(deep, 0o755);
  await using dovecot = await start({ dataDir: deep });
  expect(await login(dovecot.ports.imap)).toContain("MESSAGES 0");
});

test("users who are added, removed or given another password are so at the next start", async () => {
  const first = await start();
  expect(await login(first.ports.imap, "new")).toContain("AUTHENTICATIONFAILED");
  await first.stop();
  await using second = await start({ users: [{ ...ann, password: "new" }] });
  expect(await login(second.ports.imap, "new")).toContain("MESSAGES 0");
  expect((await stat(path.join(second.folder, "users"))).mode & 0o777).toBe(0o600);
});

test("no setting can be smuggled in with a user", async () => {
  for (const address of ["ann", "../ann@x", "ann@x:{PLAIN}x", "a\nb@x", "%h@x", "Ann@x"]) {
    await expect(start({ users: [{ ...ann, address }] })).rejects.toMatchObject({ code: "server_failed" });
  }
  await expect(start({ users: [{ ...ann, password: "x:\n" }] })).rejects.toMatchObject({ code: "server_failed" });
});

test("a missing Dovecot is named, and so is one whose settings we do not speak", async () => {
  const missing = { code: "program_missing", message: expect.stringContaining("/nowhere") };
  await expect(start({ binary: "/nowhere/dovecot" })).rejects.toMatchObject(missing);

  const binary = path.join(dataDir, "dovecot-of-tomorrow");
  await writeFile(binary, "#!/bin/sh\necho 2.4.1\n", { mode: 0o755 });
  const unfit = { code: "program_missing", message: expect.stringContaining("2.4.1") };
  await expect(start({ binary })).rejects.toMatchObject(unfit);
});

test("what Dovecot says of settings that it does not take is told", async () => {
  const wrong = { code: "server_failed", message: expect.stringContaining("no_such_setting") };
  await expect(start({ settings: "no_such_setting = 1" })).rejects.toMatchObject(wrong);
});
