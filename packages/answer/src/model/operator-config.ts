/**
 * What only the operator may say: the programs that models may have run, and where tenants' requests may go.
 * Read and checked at start, whole; a wrong one keeps the process from starting.
 */
import path from "node:path";
import { z } from "zod";
import type { EgressRules } from "../egress.ts";
import { placeholdersOf, reservedNames } from "./argument-template.ts";
import { checkParameters, type ToolParameters } from "./parameters.ts";

export interface OperatorConfig extends EgressRules {
  readonly tools: readonly CommandTool[];
  /** `host` or `host:port`, in A-labels: where tenants' HTTP tools may lie, wherever that is, by http as well. */
  readonly toolHosts: readonly string[];
}

/** A program that a model may have run. There is no shell: each template makes one argument. */
export interface CommandTool {
  readonly name: string;
  /** For the model: what it does and when to use it. */
  readonly description: string;
  readonly parameters: ToolParameters;
  /** Its absolute path. */
  readonly program: string;
  /** Text with `{parameter}`s; one that needs an absent parameter is left out. See `fillArguments`. */
  readonly arguments: readonly string[];
  /** All that the program gets, besides PATH, LANG and our own `MAILFLEET_…`. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly timeoutMs: number;
  readonly maxOutputBytes: number;
}

export interface ConfigProblem {
  /** Such as `tools[0].program`. */
  readonly field: string;
  readonly code: string;
  readonly detail: string;
}

export type CheckedOperatorConfig =
  | { readonly ok: true; readonly config: OperatorConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Nothing is allowed, and nothing is there. */
export const noOperatorConfig: OperatorConfig = {
  tools: [],
  toolHosts: [],
  allowHosts: [],
  allowPrivateNetworks: false,
};

/** What chat APIs take as the name of a function; `decline` and `escalate` are ours. */
export const toolName = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
export const builtInNames: readonly string[] = ["decline", "escalate"];

const host = z.string().regex(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*(:\d{1,5})?$/, "is no host name in lower case and A-labels");

const commandTool = z.strictObject({
  name: z.string().regex(toolName, "must be a letter, then at most 63 letters, digits, - and _"),
  description: z.string().min(1).max(2_000),
  parameters: z.record(z.string(), z.unknown()),
  program: z.string().min(1).max(1_000),
  arguments: z.array(z.string().max(1_000)).max(100).default([]),
  env: z.record(z.string().regex(/^[A-Z_][A-Z0-9_]*$/i), z.string().max(10_000)).default({}),
  cwd: z.string().max(1_000).default("/"),
  timeoutMs: z.int().min(1).max(600_000).default(30_000),
  maxOutputBytes: z.int().min(1).max(1_000_000).default(16_000),
});

const operatorConfig = z.strictObject({
  tools: z.array(commandTool).max(100).default([]),
  toolHosts: z.array(host).max(1_000).default([]),
  allowHosts: z.array(host).max(1_000).default([]),
  allowPrivateNetworks: z.boolean().default(false),
});

/** Takes parsed JSON; reports every problem at once. That programs exist is for the start to ask, since they come and go. */
export function checkOperatorConfig(json: unknown): CheckedOperatorConfig {
  const read = operatorConfig.safeParse(json);
  if (!read.success) {
    return {
      ok: false,
      problems: read.error.issues.map(({ path: at, code, message }) => ({ field: fieldOf(at), code, detail: message })),
    };
  }
  const problems = read.data.tools.flatMap((tool, index) => [
    ...commandProblems(tool, `tools[${index}]`),
    ...(read.data.tools.findIndex(({ name }) => name === tool.name) < index
      ? [{ field: `tools[${index}].name`, code: "name_taken", detail: `Another tool is called ${tool.name}.` }]
      : []),
  ]);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, config: read.data as unknown as OperatorConfig };
}

/** Programs that read their arguments as code: a template for one would be a shell after all. */
const shells = /^(ba|da|z|k|fi|a|c|tc)?sh$|^(busybox|env|xargs|sudo|su|nohup|timeout|nice|setsid)$/;

function commandProblems(tool: z.infer<typeof commandTool>, at: string): ConfigProblem[] {
  const problems: ConfigProblem[] = checkParameters(tool.parameters, { patterns: true }).map(
    ({ field, code, detail }) => ({ field: `${at}.parameters${field}`, code, detail }),
  );
  const problem = (field: string, code: string, detail: string) =>
    problems.push({ field: `${at}.${field}`, code, detail });
  if (builtInNames.includes(tool.name)) problem("name", "name_reserved", `${tool.name} is a tool of our own.`);
  if (!path.isAbsolute(tool.program)) problem("program", "path_relative", "The program needs its absolute path.");
  if (!path.isAbsolute(tool.cwd)) problem("cwd", "path_relative", "The folder needs its absolute path.");
  if (shells.test(path.basename(tool.program))) {
    problem(
      "program",
      "shell_refused",
      "A shell, or a program that runs others, would read a stranger's text as code.",
    );
  }
  for (const name of Object.keys(tool.env)) {
    if (name.startsWith("MAILFLEET_")) problem(`env.${name}`, "name_reserved", "MAILFLEET_… is set by us.");
  }
  if (problems.some(({ field }) => field.startsWith(`${at}.parameters`))) return problems;

  const { properties = {} } = tool.parameters as unknown as ToolParameters;
  for (const name of Object.keys(properties)) {
    if (reservedNames.includes(name)) {
      problem(`parameters.properties.${name}`, "name_reserved", `${name} is filled in by us, never by a model.`);
    }
  }
  tool.arguments.forEach((template, index) => {
    for (const name of placeholdersOf(template)) {
      if (reservedNames.includes(name)) continue;
      const type = Object.hasOwn(properties, name) ? properties[name]?.type : undefined;
      if (type === undefined) {
        problem(`arguments[${index}]`, "parameter_unknown", `{${name}} is no parameter of the tool.`);
      } else if (type === "object" || type === "array") {
        problem(
          `arguments[${index}]`,
          "parameter_not_scalar",
          `{${name}} is an ${type}: no argument can be made of it.`,
        );
      }
    }
  });
  return problems;
}

const fieldOf = (at: readonly PropertyKey[]): string =>
  at.map((key, index) => (typeof key === "number" ? `[${key}]` : `${index > 0 ? "." : ""}${String(key)}`)).join("");
