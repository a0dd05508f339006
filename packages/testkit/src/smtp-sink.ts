import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, listens, peerFolder, peerProgram, runToEnd } from "./peer-process.ts";

export interface SmtpSinkOptions {
  /** Further switches: `-q`, `-Q`, `-r`, `-f` with commands are ready-made faults, `-H` delays, `-L` is LMTP. */
  readonly switches?: readonly string[];
  /** Keeps what it gets, for `dumped`; it is faster without. */
  readonly dumps?: boolean;
}

/** Postfix's `smtp-sink`: the fastest next hop there is, since it throws all mail away. */
export interface SmtpSink extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** All messages so far, one after the other, each with `X-Mail-Args` and `X-Rcpt-Args` before its own header. */
  dumped(): Promise<string>;
}

export async function startSmtpSink({ switches = [], dumps = false }: SmtpSinkOptions = {}): Promise<SmtpSink> {
  const program = await peerProgram("smtp-sink", "postfix");
  const folder = await peerFolder("smtp-sink");
  const port = await freePort();
  const dump = join(folder.path, "dump");
  // As root it wants to be told whom to become; the dump lies in a folder of root's.
  const user = process.getuid?.() === 0 ? ["-u", "root"] : [];
  const args = [...user, ...(dumps ? ["-D", dump] : []), ...switches, `127.0.0.1:${port}`, "1000"];
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  await listens(port);
  return {
    host: "127.0.0.1",
    port,
    dumped: () => readFile(dump, "utf8").catch(() => ""),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill();
        await once(child, "exit");
      }
      await folder[Symbol.asyncDispose]();
    },
  };
}

export interface SmtpSourceLoad {
  readonly port: number;
  readonly messages: number;
  readonly sessions: number;
  readonly sizeBytes?: number;
  readonly from?: string;
  readonly to?: string;
  readonly switches?: readonly string[];
}

/** Sends a load with Postfix's `smtp-source`; resolves when all of it was accepted. */
export async function runSmtpSource(load: SmtpSourceLoad): Promise<void> {
  const program = await peerProgram("smtp-source", "postfix");
  const { port, messages, sessions, sizeBytes = 2_048, from = "load@example.org", to = "sink@example.org" } = load;
  const numbers = ["-m", `${messages}`, "-s", `${sessions}`, "-l", `${sizeBytes}`];
  await runToEnd(program, [...numbers, "-f", from, "-t", to, ...(load.switches ?? []), `127.0.0.1:${port}`]);
}
