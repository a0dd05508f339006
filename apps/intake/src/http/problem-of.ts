/** What a request or a message is answered with when something was thrown on its way. Codes decide, never texts. */
import { OverloadedError } from "@mailfleet/store";
import { ProblemError } from "./problems.ts";

export type ProblemReader = (error: unknown) => Promise<ProblemError>;

/** `pingStore` rejects when the database is away: so trouble with it is told from our own mistakes. */
export function openProblemReader(pingStore: () => Promise<unknown>): ProblemReader {
  return async (error) => {
    if (error instanceof ProblemError) return error;
    if (error instanceof OverloadedError) {
      return new ProblemError("overloaded", undefined, { retryAfterSeconds: error.retryAfterSeconds });
    }
    const { code = "", statusCode = 500 } = (error ?? {}) as { code?: string; statusCode?: number };
    if (code === "bad_cursor") return new ProblemError("bad_cursor");
    if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") {
      return new ProblemError("unsupported_media_type", "Its Content-Type is not one.", { closes: true });
    }
    if (code === "FST_ERR_HANDLER_TIMEOUT") return unavailable(error);
    if (statusCode >= 400 && statusCode < 500) return new ProblemError("malformed_request");
    if (isBusy(code)) return new ProblemError("busy", undefined, { retryAfterSeconds: 1, cause: error });
    if (isConnectionTrouble(code)) return unavailable(error);
    // Drivers throw errors without a code for lost connections, so the database itself is asked.
    if (code === "" && !isMistake(error) && !(await answers(pingStore))) return unavailable(error);
    return new ProblemError("internal_error", undefined, { cause: error });
  };
}

const unavailable = (cause: unknown) =>
  new ProblemError("store_unavailable", "Try again; use an id, so that nothing is done twice.", {
    retryAfterSeconds: 2,
    cause,
  });

/** Locks that could not be had, and deadlocks. */
const isBusy = (code: string): boolean => code === "55P03" || code === "40P01" || code === "40001";

/** Node's own codes, and SQLSTATE's classes for connections (08), resources (53), operators (57) and the system (58). */
const isConnectionTrouble = (code: string): boolean =>
  /^(?:E[A-Z]{3,}|ERR_SOCKET_.*|08...|53...|57...|58...|25006)$/.test(code);

const isMistake = (error: unknown): boolean => error instanceof TypeError || error instanceof RangeError;

const pingLimitMs = 500;

async function answers(ping: () => Promise<unknown>): Promise<boolean> {
  const late = new Promise<false>((resolve) => setTimeout(resolve, pingLimitMs, false).unref());
  return Promise.race([
    ping().then(
      () => true,
      () => false,
    ),
    late,
  ]);
}
