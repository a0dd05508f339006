import { CliError } from "../cli-error.ts";
import { plainText } from "../output/plain-text.ts";

/** RFC 9457 problem details, as the API sends them. */
export interface Problem {
  readonly title?: string;
  readonly status: number;
  readonly code?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly path?: string; readonly code?: string; readonly detail?: string }[];
}

/** The API refused. `code` is stable; the message is for people. */
export class ProblemError extends CliError {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problemText(problem));
    this.problem = problem;
  }
}

/** What each code means for somebody at a terminal, beyond what the API says. */
const advice: Readonly<Record<string, string>> = {
  tenant_required: "Name the tenant with --tenant.",
  unauthorized: "Give the admin token or a tenant's key: MAILFLEET_ADMIN_TOKEN, or --token-file.",
};

function problemText({ title, status, code, detail, errors }: Problem): string {
  const lines = [plainText(detail ?? title ?? `the API answered ${status}`) + (code ? ` (${plainText(code)})` : "")];
  for (const error of errors ?? []) {
    lines.push(`  ${plainText(error.path)}: ${plainText(error.detail)} (${plainText(error.code)})`);
  }
  if (code && advice[code]) lines.push(advice[code]);
  return lines.join("\n");
}
