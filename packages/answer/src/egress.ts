/**
 * The one way out to addresses that tenants name: webhooks, tools, models, escalations.
 *
 * The address is checked where the connection is made, so that a name that changes its mind between check and use
 * (DNS rebinding) gains nothing. Redirects are not followed, connections are not kept, bodies and times are bounded.
 */
import { type LookupAddress, lookup as resolve } from "node:dns";
import http from "node:http";
import https from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { addressReach } from "./egress-address.ts";

/** What the operator allows. Without either, URLs are https and lead to addresses that everybody can reach. */
export interface EgressRules {
  /** `host` or `host:port`, in A-labels, lower case: reached wherever it lies, and by http as well. */
  readonly allowHosts: readonly string[];
  /** Loopback and private networks, and http; never link-local addresses, which need their host named. */
  readonly allowPrivateNetworks: boolean;
}

export interface EgressRequest {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Of the whole: name, connection, request and response. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Its abort rejects with its reason. */
  readonly signal?: AbortSignal;
}

export type EgressResult = EgressResponse | EgressProblem;

/** Whatever the status; redirects too. */
export interface EgressResponse {
  readonly ok: true;
  readonly status: number;
  /** Names in lower case; repeated fields joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface EgressProblem {
  readonly ok: false;
  readonly code:
    | "url_refused"
    | "address_refused"
    | "unreachable"
    | "timeout"
    | "response_too_large"
    | "response_encoded";
  /** Only another URL or other rules would help. */
  readonly permanent: boolean;
  /** Without the URL's path, query or headers, which may hold secrets. */
  readonly detail: string;
}

/** One request, one connection, one value; it rejects only where `signal` aborts. */
export async function guardedFetch(rules: EgressRules, request: EgressRequest): Promise<EgressResult> {
  request.signal?.throwIfAborted();
  const refused = checkUrl(rules, request.url);
  if (refused) return refused;
  const url = new URL(request.url);
  const deadline = AbortSignal.timeout(request.timeoutMs);
  const ended = request.signal ? AbortSignal.any([request.signal, deadline]) : deadline;
  try {
    return await exchange(url, request, guardedLookup(rules, url), ended);
  } catch (error) {
    request.signal?.throwIfAborted();
    if (deadline.aborted) return problem("timeout", `${url.host} did not answer within ${request.timeoutMs} ms.`);
    if (error instanceof EgressError) return error.problem;
    return problem("unreachable", `${url.host}: ${codeOf(error)}`);
  }
}

/** What can be said about a URL without resolving its name. For settings, too, when they are stored. */
export function checkUrl(rules: EgressRules, text: string): EgressProblem | undefined {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return problem("url_refused", "The URL must begin with https://.");
  }
  if (url.username || url.password) return problem("url_refused", "The URL must not hold a user name or a password.");
  if (isAllowed(rules, url)) return undefined;
  if (url.protocol === "http:" && !rules.allowPrivateNetworks) {
    return problem("url_refused", "The URL must begin with https://; the operator has not allowed http for this host.");
  }
  const host = bareHost(url);
  return isIP(host) && !mayReach(rules, host) ? addressRefused(url) : undefined;
}

function isAllowed(rules: EgressRules, url: URL): boolean {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return rules.allowHosts.includes(url.hostname) || rules.allowHosts.includes(`${url.hostname}:${port}`);
}

const bareHost = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

function mayReach(rules: EgressRules, address: string): boolean {
  const reach = addressReach(address);
  return reach === "global" || (reach === "private" && rules.allowPrivateNetworks);
}

/** Resolves a name to those of its addresses that may be reached. Node asks it for names only, never for addresses. */
function guardedLookup(rules: EgressRules, url: URL): LookupFunction {
  const all = isAllowed(rules, url);
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, []);
      const addresses = all ? found : found.filter(({ address }) => mayReach(rules, address));
      const [first] = addresses;
      if (!first) return callback(new EgressError(addressRefused(url)), []);
      if (options.all) callback(null, addresses);
      else answerOne(callback, first);
    });
  };
}

const answerOne = (callback: Parameters<LookupFunction>[2], { address, family }: LookupAddress): void =>
  callback(null, address, family);

function exchange(
  url: URL,
  { method, headers, body, maxResponseBytes }: EgressRequest,
  lookup: LookupFunction,
  signal: AbortSignal,
): Promise<EgressResponse> {
  return new Promise((settle, fail) => {
    const { request } = url.protocol === "https:" ? https : http;
    const options = { method, lookup, signal, agent: false, headers: { ...headers, "accept-encoding": "identity" } };
    const outgoing = request(url, options, (response) => {
      readBody(response, maxResponseBytes).then((bytes) => {
        settle({ ok: true, status: response.statusCode ?? 0, headers: plainHeaders(response.headers), body: bytes });
        outgoing.destroy();
      }, giveUp);
    });
    const giveUp = (error: unknown): void => {
      fail(error);
      outgoing.destroy();
    };
    // An abort need not wait for a resolver that hangs.
    signal.addEventListener("abort", () => giveUp(signal.reason), { once: true });
    outgoing.on("error", giveUp);
    outgoing.end(body);
  });
}

async function readBody(response: http.IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const encoding = response.headers["content-encoding"] ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    throw new EgressError(problem("response_encoded", "The response is compressed, though identity was asked for."));
  }
  const tooLarge = problem("response_too_large", `The response exceeds ${maxBytes} bytes.`);
  if (Number(response.headers["content-length"]) > maxBytes) throw new EgressError(tooLarge);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new EgressError(tooLarge);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function plainHeaders(headers: http.IncomingHttpHeaders): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? []].flat().join(", ")]));
}

/** Carries a problem through Node's callbacks, which know errors only. */
class EgressError extends Error {
  readonly problem: EgressProblem;
  constructor(problem: EgressProblem) {
    super(problem.detail);
    this.problem = problem;
  }
}

const addressRefused = (url: URL): EgressProblem =>
  problem("address_refused", `${url.hostname} leads to an address that the operator has not allowed.`);

const permanentCodes: ReadonlySet<EgressProblem["code"]> = new Set(["url_refused", "address_refused"]);

const problem = (code: EgressProblem["code"], detail: string): EgressProblem => ({
  ok: false,
  code,
  permanent: permanentCodes.has(code),
  detail,
});

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "connection failed";
