/** Calls a tenant's HTTP tool for a model, on hosts that the operator allows. */
import type { HttpToolSettings, MailboxSecrets } from "@mailfleet/mail";
import { type EgressRequest, type EgressRules, guardedFetch } from "../egress.ts";
import type { OperatorConfig } from "./operator-config.ts";
import { type ToolResult, type TrustedFields, toolFailed, toolSaid } from "./tool-result.ts";

/** What the operator names as a tool's host may lie wherever it does. */
export const toolRules = ({ toolHosts, allowPrivateNetworks }: OperatorConfig): EgressRules => ({
  allowHosts: toolHosts,
  allowPrivateNetworks,
});

export function isToolHost({ toolHosts }: OperatorConfig, url: URL): boolean {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return toolHosts.includes(url.hostname) || toolHosts.includes(`${url.hostname}:${port}`);
}

const maxResponseBytes = 256 * 1_024;

/** The arguments are checked already. Rejects only where `signal` aborts. */
export async function callHttpTool(
  tool: HttpToolSettings,
  { operator, toolToken }: { readonly operator: OperatorConfig; readonly toolToken?: MailboxSecrets["toolToken"] },
  values: Readonly<Record<string, unknown>>,
  trusted: TrustedFields,
  signal: AbortSignal,
): Promise<ToolResult> {
  const start = performance.now();
  // Asked again at each call: the operator may have changed the list since the tool was stored.
  if (!isToolHost(operator, new URL(tool.url))) {
    return toolFailed("tool_host_refused", "The tool cannot be used.", start);
  }
  const result = await guardedFetch(toolRules(operator), {
    ...requestOf(tool, values),
    timeoutMs: tool.timeoutMs,
    maxResponseBytes,
    signal,
    headers: {
      ...headersOf(trusted),
      ...(toolToken !== undefined && { authorization: `Bearer ${toolToken}` }),
      ...(tool.method === "POST" && { "content-type": "application/json" }),
    },
  });
  if (!result.ok) return toolFailed(`tool_${result.code}`, "The tool did not answer.", start);
  if (result.status < 200 || result.status > 299) {
    return toolFailed(`tool_status_${result.status}`, "The tool failed.", start);
  }
  if (!/^(text\/|application\/(json|[a-z0-9.-]+\+json)\b)/i.test(result.headers["content-type"] ?? "text/plain")) {
    return toolFailed("tool_content_type", "The tool answered with something that is no text.", start);
  }
  return toolSaid(result.body, start);
}

function requestOf(tool: HttpToolSettings, values: Readonly<Record<string, unknown>>) {
  if (tool.method === "POST") {
    return { url: tool.url, method: "POST", body: JSON.stringify(values) } satisfies Partial<EgressRequest>;
  }
  const url = new URL(tool.url);
  // What the URL says already stays the tenant's: an argument of that name replaces nothing.
  for (const [name, value] of Object.entries(values)) {
    if (!url.searchParams.has(name)) url.searchParams.set(name, String(value));
  }
  return { url: url.href, method: "GET" } satisfies Partial<EgressRequest>;
}

const headersOf = (trusted: TrustedFields): Record<string, string> => ({
  accept: "application/json, text/plain",
  "user-agent": "Mailfleet",
  "idempotency-key": headerValue(trusted.idempotencyKey),
  "mailfleet-tenant": headerValue(trusted.tenant),
  "mailfleet-mailbox": headerValue(trusted.mailbox),
  "mailfleet-inbound": headerValue(trusted.inbound),
  "mailfleet-correspondent": headerValue(trusted.correspondent),
  "mailfleet-authenticated": trusted.authenticated ? "yes" : "no",
});

/** ASCII as it is, the rest of UTF-8 and "%" percent-encoded. */
const headerValue = (text: string): string =>
  text.toWellFormed().replace(/[^\x21-\x24\x26-\x7e]/gu, (sign) => encodeURIComponent(sign));
