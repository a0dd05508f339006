import { runCli } from "./program.ts";

const { env, stdin, stdout, stderr } = process;

// A reader such as `head` that goes away has seen what it wanted.
stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

const exitCode = await runCli(process.argv.slice(2), { env, stdin, stdout, stderr });
process.exitCode ||= exitCode;
