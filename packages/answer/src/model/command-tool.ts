/** Runs the operator's programs for a model: no shell, nothing of our environment, bounded time and output. */
import { type ChildProcess, spawn } from "node:child_process";
import { fillArguments } from "./argument-template.ts";
import type { CommandTool } from "./operator-config.ts";
import { type ToolResult, type TrustedFields, toolFailed, toolSaid } from "./tool-result.ts";

/**
 * The arguments are checked already. What a program writes to its standard error, and what it says when it fails, is
 * not for a model, which might repeat it to a stranger. Rejects only where `signal` aborts.
 */
export async function runCommand(
  tool: CommandTool,
  values: Readonly<Record<string, unknown>>,
  trusted: TrustedFields,
  signal: AbortSignal,
): Promise<ToolResult> {
  signal.throwIfAborted();
  const start = performance.now();
  const { authenticated: _, ...fields } = trusted;
  const filled = fillArguments(tool.arguments, { ...scalars(values), ...fields });
  if (!filled.ok) return toolFailed("tool_arguments_refused", filled.detail, start);

  const deadline = AbortSignal.timeout(tool.timeoutMs);
  const child = startProgram(tool, filled.arguments, trusted);
  if (!child) return toolFailed("tool_unavailable", "The tool cannot be run now.", start);
  const ended = await endOf(child, AbortSignal.any([signal, deadline]), tool.maxOutputBytes);
  signal.throwIfAborted();
  if (deadline.aborted && ended.code !== 0)
    return toolFailed("tool_timeout", "The tool did not finish in time.", start);
  if (ended.code === undefined) return toolFailed("tool_unavailable", "The tool cannot be run now.", start);
  if (ended.code !== 0) return toolFailed(`tool_exit_${ended.code ?? "signal"}`, "The tool failed.", start);
  return toolSaid(ended.output, start);
}

/** Undefined where Node refuses what it is given, such as a variable with a NUL. */
function startProgram(tool: CommandTool, filled: readonly string[], trusted: TrustedFields): ChildProcess | undefined {
  try {
    return spawn(tool.program, filled, {
      cwd: tool.cwd,
      env: environmentOf(tool, trusted),
      stdio: ["ignore", "pipe", "ignore"],
      // A group of its own, so that what it starts ends with it.
      detached: true,
    });
  } catch {
    return undefined;
  }
}

const scalars = (values: Readonly<Record<string, unknown>>): Record<string, string | number | boolean> =>
  Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string | number | boolean] =>
      ["string", "number", "boolean"].includes(typeof entry[1]),
    ),
  );

function environmentOf(tool: CommandTool, trusted: TrustedFields): NodeJS.ProcessEnv {
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LANG: "C.UTF-8",
    ...tool.env,
    MAILFLEET_TENANT: trusted.tenant,
    MAILFLEET_MAILBOX: trusted.mailbox,
    MAILFLEET_INBOUND: trusted.inbound,
    MAILFLEET_CORRESPONDENT: trusted.correspondent,
    MAILFLEET_AUTHENTICATED: trusted.authenticated ? "yes" : "no",
    MAILFLEET_IDEMPOTENCY_KEY: trusted.idempotencyKey,
  };
}

interface Ended {
  /** Null after a signal; undefined where the program did not start. */
  readonly code: number | null | undefined;
  readonly output: Uint8Array;
}

function endOf(child: ChildProcess, limit: AbortSignal, maxBytes: number): Promise<Ended> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  child.stdout?.on("data", (chunk: Uint8Array) => {
    // More is read and dropped: a program that is killed while it writes leaves half its work.
    if (bytes < maxBytes) chunks.push(chunk.subarray(0, maxBytes - bytes));
    bytes += chunk.length;
  });
  return new Promise((settle) => {
    const killGroup = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // Nobody of the group is left.
      }
    };
    const giveUp = () => {
      killGroup();
      // Whoever left the group may hold the pipe open for ever.
      child.stdout?.destroy();
    };
    limit.addEventListener("abort", giveUp, { once: true });
    if (limit.aborted) giveUp();
    const end = (code: number | null | undefined) => {
      limit.removeEventListener("abort", giveUp);
      settle({ code, output: Buffer.concat(chunks) });
    };
    child.once("error", () => end(undefined));
    child.once("exit", killGroup);
    child.once("close", (code) => end(code));
  });
}
