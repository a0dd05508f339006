import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Environment } from "@mailfleet/config";
import { runCli } from "../program.ts";

/** What a command line did: its exit status, and all it wrote. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line in this process, on streams of its own. */
export async function runCommand(argv: readonly string[], env: Environment, stdin = ""): Promise<CommandResult> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const read = Promise.all([text(stdout), text(stderr)]);
  const exitCode = await runCli(argv, { env, stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr });
  stdout.end();
  stderr.end();
  const [out, trouble] = await read;
  return { exitCode, stdout: out, stderr: trouble };
}
