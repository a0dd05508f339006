import { execFile } from "node:child_process";
import { access, chmod, constants, mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { listeningPort } from "./listening-port.ts";

/** Where Debian puts servers; an ordinary user's PATH has only half of it. */
const serverFolders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];

/** The path of a peer's program. Its absence is an error that says what to install: these tests are never skipped. */
export async function peerProgram(name: string, debianPackage: string): Promise<string> {
  for (const folder of serverFolders) {
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  throw new Error(`${name} was not found; on Debian it comes with: apt-get install ${debianPackage}`);
}

/** Postfix and Dovecot change to users of their own, which only root may. */
export function requireRoot(name: string): void {
  if (process.getuid?.() !== 0) throw new Error(`a private ${name} can be started by root alone`);
}

/** A folder that the peer's own users may enter. */
export async function peerFolder(name: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), `mailfleet-${name}-`));
  await chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A port that was free a moment ago, for programs that cannot pick one. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listeningPort(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const tryAgainMs = 20;

/** Resolves once something accepts connections on the port; rejects after `withinMs`. */
export async function listens(port: number, withinMs = 15_000): Promise<void> {
  const until = performance.now() + withinMs;
  while (!(await accepts(port))) {
    if (performance.now() > until) throw new Error(`nothing listens on port ${port} after ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, tryAgainMs));
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once("connect", () => answer(true)).once("error", () => answer(false));
  });
}

/** Runs a program to its end; rejects with what it said where it fails. */
export async function runToEnd(program: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(program, [...args], { timeout: 60_000 });
  return stdout + stderr;
}
