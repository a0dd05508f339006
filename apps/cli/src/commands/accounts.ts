import { type Command, Option } from "commander";
import { segment } from "../api/api.ts";
import { CliError, usageError } from "../cli-error.ts";
import type { Column, Row } from "../output/output.ts";
import type { Terminal } from "../terminal.ts";
import { readInput, readJsonFile } from "./json-file.ts";
import { addListOptions, showList, wholeNumber } from "./listing.ts";
import { type Options, onApi, onApiFor } from "./session.ts";

const columns: readonly Column[] = [
  ["ACCOUNT", "id"],
  ["HOST", ({ host, port }) => (host ? `${host}:${port}` : "")],
  ["SECURITY", "security"],
  ["USER", ({ auth, oauth2 }) => ((auth ?? oauth2) as Row | undefined)?.user],
  ["DEFAULT", ({ isDefault }) => (isDefault ? "yes" : "")],
];

export function addAccounts(program: Command, terminal: Terminal): void {
  const accounts = program.command("accounts").description("set, show, probe and remove SMTP accounts");

  addListOptions(accounts.command("list").description("list accounts")).action(
    onApi(terminal, (session, options) => showList(session, "/v1/accounts", columns, [], options)),
  );

  accounts
    .command("show <account>")
    .description("show an account, without its secrets")
    .action(
      onApiFor(terminal, async ({ api, out }, id) => {
        const account = await api.call("GET", `/v1/accounts/${segment(id)}`);
        out.record(Object.entries(account), account);
      }),
    );

  accounts
    .command("put <account>")
    .description("make an account, or replace its settings; a password that is left out is kept for the same server")
    .option("--file <file>", 'JSON with all its settings, "-" for stdin')
    .option("--host <host>", "next hop")
    .option("--port <port>", "port of the next hop", wholeNumber)
    .addOption(
      new Option("--security <how>", "how the connection is kept private").choices(["tls", "starttls", "none"]),
    )
    .option("--user <user>", "user to log in as")
    .option("--password-file <file>", 'file of the password, "-" for stdin')
    .option("--allow-clear-text-auth", "with --security none: the password may go out without TLS")
    .option("--max-connections <n>", "connections at a time, over the whole fleet", wholeNumber)
    .action(
      onApiFor(terminal, async ({ api, out }, id, options) => {
        const account = await api.call("PUT", `/v1/accounts/${segment(id)}`, {
          body: await accountBody(terminal, options),
        });
        out.done(`Account ${id} is set. Try it: mailfleet accounts verify ${id}`, account);
      }),
    );

  accounts
    .command("verify <account>")
    .description("log in to the next hop and see what it offers; sends nothing")
    .action(
      onApiFor(terminal, async ({ api, out }, id) => {
        const report = await api.call("POST", `/v1/accounts/${segment(id)}/verify`);
        const steps = Array.isArray(report.steps) ? (report.steps as Row[]) : [];
        out.table(stepColumns, steps, report);
        if (report.ok !== true) throw new CliError(`Account ${id} cannot send as it is.`);
      }),
    );

  accounts
    .command("delete <account>")
    .description("remove an account that has no unfinished mail")
    .action(
      onApiFor(terminal, async ({ api, out }, id) => {
        out.done(`Account ${id} is removed.`, await api.call("DELETE", `/v1/accounts/${segment(id)}`));
      }),
    );
}

const stepColumns: readonly Column[] = [
  ["STEP", "step"],
  ["OK", ({ ok }) => (ok ? "yes" : "no")],
  ["DETAIL", "detail"],
];

async function accountBody(terminal: Terminal, options: Options): Promise<object> {
  const { file, host, port, security, user, passwordFile, allowClearTextAuth, maxConnections } = options;
  const flags = [host, port, security, user, passwordFile, allowClearTextAuth, maxConnections];
  if (file !== undefined) {
    if (flags.some((flag) => flag !== undefined))
      throw usageError("--file says everything; leave the other settings out.");
    return readJsonFile(terminal, file as string);
  }
  if (!host || !port || !security) throw usageError("Give --file, or at least --host, --port and --security.");
  if (passwordFile !== undefined && user === undefined) throw usageError("--password-file needs --user.");
  const pass =
    passwordFile === undefined ? undefined : (await readInput(terminal, passwordFile as string)).toString().trim();
  return {
    ...{ host, port, security },
    ...(user === undefined ? {} : { auth: { user, ...(pass === undefined ? {} : { pass }) } }),
    ...(allowClearTextAuth === undefined ? {} : { allowClearTextAuth }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
  };
}
