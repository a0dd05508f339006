import type { Command } from "commander";
import { type Api, openApi } from "../api/api.ts";
import { type ApiOptions, readApiSettings } from "../api/api-settings.ts";
import { createOutput, type Output } from "../output/output.ts";
import type { Terminal } from "../terminal.ts";

/** What a command of the API works with. */
export interface Session {
  readonly api: Api;
  readonly out: Output;
  readonly terminal: Terminal;
}

/** Options as commander collects them; each command knows its own. */
export type Options = Readonly<Record<string, unknown>>;

interface GlobalOptions extends ApiOptions {
  readonly json?: boolean;
}

/** The options that every command takes, before or after its name. */
export function addGlobalOptions(program: Command): void {
  program
    .option("--url <url>", "where the API is (else MAILFLEET_PUBLIC_URL, else what runs on this machine)")
    .option("--tenant <id>", "the tenant to act for, where the token is the admin's")
    .option(
      "--token-file <file>",
      'file of the admin token or a tenant\'s key, "-" for stdin (else MAILFLEET_ADMIN_TOKEN)',
    )
    .option("--token <token>", "the token itself; others on this machine can read it in the list of processes")
    .option("--json", "print JSON for scripts");
}

/** Makes an action of commander's out of a function on a session, for a command without arguments. */
export const onApi = (terminal: Terminal, act: (session: Session, options: Options) => Promise<void>) =>
  async function action(this: Command): Promise<void> {
    const { session, options } = await openSession(terminal, this);
    await act(session, options);
  };

/** The same for a command with one argument: a text, or a list of them. */
export const onApiFor = <T = string>(
  terminal: Terminal,
  act: (session: Session, argument: T, options: Options) => Promise<void>,
) =>
  async function action(this: Command, argument: T): Promise<void> {
    const { session, options } = await openSession(terminal, this);
    await act(session, argument, options);
  };

async function openSession(terminal: Terminal, command: Command) {
  const options = command.optsWithGlobals<GlobalOptions & Options>();
  const api = openApi(await readApiSettings(terminal, options));
  const out = createOutput(terminal, { json: options.json ?? false });
  return { session: { api, out, terminal }, options };
}
