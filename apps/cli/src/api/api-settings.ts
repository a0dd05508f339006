import { readFile } from "node:fs/promises";
import { reader, Secret } from "@mailfleet/config";
import { CliError, usageError } from "../cli-error.ts";
import { dataFiles, readDataFile } from "../data-folder.ts";
import type { Terminal } from "../terminal.ts";
import type { ApiSettings } from "./api.ts";

/** The options that every command of the API takes. */
export interface ApiOptions {
  readonly url?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly tenant?: string;
}

const defaultUrl = "http://127.0.0.1:8625";

/**
 * Where the API is and how to get in: from the options, else from the environment, else from what `mailfleet up` left in
 * the data folder of this machine. The folder's token is for loopback only, and never goes to another host.
 */
export async function readApiSettings({ env, stdin }: Terminal, options: ApiOptions): Promise<ApiSettings> {
  const { optional, text, check } = reader(env);
  const settings = check({
    publicUrl: optional.url("PUBLIC_URL", "Where people and tenants reach this fleet, for links."),
    adminToken: optional.secret("ADMIN_TOKEN", "The operator's key, or a tenant's."),
    dataDir: text("DATA_DIR", "Folder of the embedded database, Redis and content.", { otherwise: "./var" }),
  });
  const url = (
    options.url ??
    settings.publicUrl ??
    (await readDataFile(settings.dataDir, dataFiles.apiUrl)) ??
    defaultUrl
  ).replace(/\/+$/, "");
  const { hostname, protocol } = parseUrl(url);
  const isHere = protocol === "http:" && ["127.0.0.1", "localhost", "[::1]"].includes(hostname);

  if (options.token !== undefined && options.tokenFile !== undefined) {
    throw usageError("--token and --token-file exclude each other.");
  }
  const given = await givenToken(options, settings.adminToken, stdin);
  const kept = given || !isHere ? undefined : await readDataFile(settings.dataDir, dataFiles.adminToken);
  const token = given ?? (kept === undefined ? undefined : new Secret(kept));
  if (!token)
    throw usageError("No token: set MAILFLEET_ADMIN_TOKEN (or MAILFLEET_ADMIN_TOKEN_FILE), or give --token-file.");

  return { url, token, ...(options.tenant === undefined ? {} : { tenant: options.tenant }) };
}

async function givenToken(
  { token, tokenFile }: ApiOptions,
  told: Secret | undefined,
  stdin: Terminal["stdin"],
): Promise<Secret | undefined> {
  if (token !== undefined) return new Secret(token);
  if (tokenFile !== undefined) return new Secret(await readToken(tokenFile, stdin));
  return told;
}

function parseUrl(url: string): URL {
  try {
    const parsed = new URL(url);
    if (parsed.protocol === "http:" || parsed.protocol === "https:") return parsed;
  } catch {
    // Said below.
  }
  throw usageError(`--url must be an http or https URL: ${url}`);
}

async function readToken(file: string, stdin: Terminal["stdin"]): Promise<string> {
  try {
    const text = file === "-" ? (await stdin.toArray()).join("") : await readFile(file, "utf8");
    if (text.trim() !== "") return text.trim();
  } catch (cause) {
    throw new CliError(`The token file ${file} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
  throw new CliError(`The token file ${file} is empty.`);
}
