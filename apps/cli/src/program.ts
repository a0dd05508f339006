import { ConfigError } from "@mailfleet/config";
import { EmbeddedError } from "@mailfleet/embedded";
import { PortTakenError } from "@mailfleet/service";
import { Command, CommanderError } from "commander";
import { ProblemError } from "./api/problem.ts";
import { CliError, exitCodes } from "./cli-error.ts";
import { addAccounts } from "./commands/accounts.ts";
import { addAnswering } from "./commands/answering.ts";
import { addDeadLetters } from "./commands/dead-letters.ts";
import { addDeliveries } from "./commands/deliveries.ts";
import { addInbound } from "./commands/inbound.ts";
import { addKeys } from "./commands/keys.ts";
import { addMailboxes } from "./commands/mailboxes.ts";
import { addMessages } from "./commands/messages.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addSend } from "./commands/send.ts";
import { addGlobalOptions } from "./commands/session.ts";
import { addStats } from "./commands/stats.ts";
import { addTenants } from "./commands/tenants.ts";
import type { Terminal } from "./terminal.ts";

/** Runs one command line, such as `["stats", "--json"]`. Resolves with the exit status: 0 done, 1 failed, 2 misused. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal);
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCodes.ok;
  } catch (error) {
    return report(error, terminal, argv.includes("--json"));
  }
}

function createProgram(terminal: Terminal): Command {
  const program = new Command("mailfleet")
    .description("A fleet of mail workers: run it, send with it, look into it.")
    .showHelpAfterError("(mailfleet --help lists the commands)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
    });
  addGlobalOptions(program);

  program
    .command("up")
    .description(
      "run the whole fleet in one process, on an embedded PostgreSQL and a private Redis unless told of others",
    )
    .action(async () => {
      const { up } = await import("./up/up.ts");
      await up(terminal, (error) => void report(error, terminal, false));
    });
  addMigrate(program, terminal);
  addSend(program, terminal);
  for (const add of [
    addTenants,
    addKeys,
    addAccounts,
    addMessages,
    addDeliveries,
    addDeadLetters,
    addMailboxes,
    addInbound,
    addAnswering,
    addStats,
  ]) {
    add(program, terminal);
  }
  for (const command of program.commands) {
    command.copyInheritedSettings(program);
    for (const below of command.commands) below.copyInheritedSettings(command);
  }
  return program;
}

/** Shows trouble on stderr. What people can mend is its message alone; what they cannot comes with a stack. */
function report(error: unknown, { stderr }: Terminal, json: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (json && error instanceof ProblemError) {
    stderr.write(`${JSON.stringify(error.problem)}\n`);
    return error.exitCode;
  }
  if (error instanceof CliError) return say(stderr, error.message, error.exitCode);
  if (error instanceof ConfigError) return say(stderr, error.message, exitCodes.usage);
  if (error instanceof EmbeddedError || error instanceof PortTakenError) {
    return say(stderr, error.message, exitCodes.failure);
  }
  stderr.write(`mailfleet: this should not have happened\n${error instanceof Error ? error.stack : String(error)}\n`);
  return exitCodes.failure;
}

function say(stderr: Terminal["stderr"], message: string, exitCode: number): number {
  stderr.write(`mailfleet: ${message}\n`);
  return exitCode;
}
