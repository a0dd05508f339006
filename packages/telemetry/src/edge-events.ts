import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

export type EdgeEvents = ReturnType<typeof edgeEvents>;

/** What can happen at the listeners. */
export function edgeEvents(log: Log, metrics: Metrics) {
  return {
    /** Someone tried to authenticate. `result` is a code and becomes a label; the name that was tried is not logged. */
    authAttempt(facts: {
      readonly via: "http" | "smtp" | "board";
      readonly result: "success" | "failure" | "locked_out";
      readonly tenantId?: string;
      readonly remoteAddress: string;
    }): void {
      metrics.authAttempts(facts.result).value++;
      if (facts.result === "success" && !log.isLevelEnabled("debug")) return;
      const { via, result, tenantId, remoteAddress } = facts;
      const line = { event: "auth_attempt", via, result, tenantId, remoteAddress };
      if (result === "success") log.debug(line, "authenticated");
      else log.warn(line, "authentication refused");
    },

    /** An SMTP session ended. `result` is a code and becomes a label. */
    smtpSession(facts: {
      readonly sessionId: string;
      readonly result: string;
      readonly remoteAddress: string;
      readonly tenantId?: string;
      readonly messages: number;
      readonly durationMs: number;
    }): void {
      metrics.smtpSessions(facts.result).value++;
      if (!log.isLevelEnabled("debug")) return;
      const { sessionId, result, remoteAddress, tenantId, messages, durationMs } = facts;
      log.debug(
        { event: "smtp_session", sessionId, result, remoteAddress, tenantId, messages, durationMs },
        "session ended",
      );
    },

    /** An HTTP request was answered. `route` is the pattern, such as "/v1/messages/:id", never the path. */
    httpRequest(facts: {
      readonly requestId: string;
      readonly method: string;
      readonly route: string;
      readonly status: number;
      readonly durationMs: number;
      readonly tenantId?: string;
    }): void {
      const { requestId, method, route, status, durationMs, tenantId } = facts;
      metrics.httpSeconds.observe({ method, route, status: String(status) }, durationMs / 1_000);
      const level = status >= 500 ? "error" : "debug";
      if (!log.isLevelEnabled(level)) return;
      log[level]({ event: "http_request", requestId, method, route, status, durationMs, tenantId }, "request answered");
    },
  };
}
