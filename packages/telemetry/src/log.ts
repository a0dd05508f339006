import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from "pino";
import { build as prettyStream } from "pino-pretty";
import { redactedPaths, withoutUrlCredentials } from "./redact.ts";

/** Levels of the log, from the quietest to the most talkative; "silent" says nothing. */
export type LogLevel = "silent" | "fatal" | "error" | "warn" | "info" | "debug" | "trace";

/**
 * Where a process writes what happens: `log.warn({ accountId }, "account blocked")`.
 * Lines are JSON; errors go into the field `err`.
 */
export type Log = Pick<Logger, "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "isLevelEnabled">;

export interface LogOptions {
  readonly logLevel: LogLevel;
  /** Lines for people instead of JSON. */
  readonly pretty?: boolean;
  /** Where lines go; the standard output by default. */
  readonly destination?: DestinationStream;
}

export function openLog({ logLevel, pretty = false, destination }: LogOptions): Logger {
  const options: LoggerOptions = {
    level: logLevel,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: [...redactedPaths], censor: "[redacted]" },
    serializers: { err: serializeError },
  };
  // Lines are written at once, so that the last words of a process that dies are not lost in a buffer.
  const out = destination ?? pino.destination({ dest: 1, sync: true });
  if (!pretty) return pino(options, out);
  return pino(options, prettyStream({ destination: out as NodeJS.WritableStream, sync: true, singleLine: true }));
}

/** An error as fields, without the credentials that URLs in it may hold, and without a driver's own extra fields. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error))
    return typeof error === "string" ? withoutUrlCredentials(error) : stdSerializers.err(error as Error);
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.name,
    message: withoutUrlCredentials(error.message),
    ...(code === undefined ? {} : { code }),
    stack: withoutUrlCredentials(error.stack ?? ""),
    ...(error.cause === undefined ? {} : { cause: serializeError(error.cause) }),
    ...(error instanceof AggregateError ? { errors: error.errors.slice(0, 5).map(serializeError) } : {}),
  };
}
