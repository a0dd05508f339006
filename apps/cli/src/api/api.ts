import type { Secret } from "@mailfleet/config";
import { CliError } from "../cli-error.ts";
import { type Problem, ProblemError } from "./problem.ts";

export type Json = Readonly<Record<string, unknown>>;

/** A query or body parameter that is undefined is left out. */
export interface Call {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
}

/** The fleet's HTTP API, as one caller sees it. Every method throws CliError where there is no good answer. */
export interface Api {
  readonly url: string;
  call(method: "GET" | "PUT" | "POST" | "DELETE", path: string, call?: Call): Promise<Json>;
}

export interface ApiSettings {
  /** Without a slash at its end. */
  readonly url: string;
  readonly token: Secret;
  /** Whom an admin acts for. */
  readonly tenant?: string;
}

const requestTimeoutMs = 60_000;

export function openApi({ url, token, tenant }: ApiSettings): Api {
  return {
    url,
    async call(method, path, { query = {}, body } = {}) {
      const address = new URL(url + path);
      for (const [name, value] of Object.entries(query)) {
        if (value !== undefined) address.searchParams.set(name, String(value));
      }
      const response = await reach(address, {
        method,
        headers: {
          authorization: `Bearer ${token.reveal()}`,
          accept: "application/json",
          ...(tenant === undefined ? {} : { "mailfleet-tenant": tenant }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: "error", // The token goes where it was meant to go, and nowhere else.
        signal: AbortSignal.timeout(requestTimeoutMs),
      });
      return readAnswer(response);
    },
  };
}

/** A segment of a path. */
export const segment = (id: string): string => encodeURIComponent(id);

async function reach(address: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (cause) {
    const code = ((cause as Error).cause as NodeJS.ErrnoException | undefined)?.code;
    const why =
      (cause as Error).name === "TimeoutError"
        ? `no answer within ${requestTimeoutMs / 1_000} seconds`
        : (code ?? (cause as Error).message);
    throw new CliError(`The API at ${address.origin} cannot be reached: ${why}. Is Mailfleet up?`, { cause });
  }
}

async function readAnswer(response: Response): Promise<Json> {
  const text = await response.text();
  const json = parseJson(text);
  if (response.ok && (json || text === "")) return json ?? {};
  if (json && !response.ok) throw new ProblemError({ ...json, status: response.status } as Problem);
  throw new CliError(
    `${response.url} answered ${response.status} with something else than JSON. Is it Mailfleet's API?`,
  );
}

function parseJson(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}
