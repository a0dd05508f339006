/** What the listener bears: each limit has a name, and overload is answered rather than queued. */
import { ProblemError } from "./problems.ts";

export interface HttpLimits {
  /** Bytes of one request's body. */
  readonly bodyBytes: number;
  /** Bytes of all bodies that are being read or worked on. */
  readonly inFlightBytes: number;
  /** Requests that are being worked on. */
  readonly inFlightRequests: number;
  /** The share of the two above that one tenant may hold, so that none starves the others: 0 to 1. */
  readonly tenantShare: number;
  /** How long a request may take to arrive, head and body. */
  readonly requestTimeoutMs: number;
  /** Bytes of a request's header block. */
  readonly headerBytes: number;
  /** Nested arrays and objects in a body. */
  readonly jsonDepth: number;
  /** Open connections. */
  readonly connections: number;
}

export const httpLimits: HttpLimits = {
  bodyBytes: 32 * 1024 * 1024,
  inFlightBytes: 256 * 1024 * 1024,
  inFlightRequests: 1_000,
  tenantShare: 0.5,
  requestTimeoutMs: 60_000,
  headerBytes: 16 * 1024,
  jsonDepth: 32,
  connections: 10_000,
};

/** Errors that one answer lists; the rest would only repeat them. */
export const maxErrorsListed = 20;

const retryAfterSeconds = 1;

/** What one request holds of the budget, until it has been answered. */
export interface Share {
  /** Takes bytes that have arrived. Throws where there is no more room. */
  take(bytes: number): void;
  /** Whether a body of that size could be taken now. Throws where it could not. */
  expect(bytes: number): void;
  /** From here on the tenant's part counts as well. */
  ofTenant(tenantId: string): void;
  release(): void;
}

/** The budget of a listener. */
export interface Budget {
  /** Admits one more request. Throws where there are too many. */
  admit(): Share;
  readonly requests: number;
  readonly bytes: number;
}

export function openBudget(limits: HttpLimits): Budget {
  const tenants = new Map<string, { requests: number; bytes: number }>();
  const tenantRequests = Math.max(1, Math.floor(limits.inFlightRequests * limits.tenantShare));
  // A tenant's share always holds the largest body, or nobody could send one.
  const tenantBytes = Math.max(limits.bodyBytes, Math.floor(limits.inFlightBytes * limits.tenantShare));
  let requests = 0;
  let bytes = 0;

  return {
    get requests() {
      return requests;
    },
    get bytes() {
      return bytes;
    },
    admit() {
      if (requests >= limits.inFlightRequests) throw overloaded("Too many requests are under way.");
      requests++;
      let held = 0;
      let released = false;
      let tenant: { requests: number; bytes: number } | undefined;
      let tenantId = "";

      const expect = (more: number) => {
        if (bytes + more > limits.inFlightBytes) throw overloaded("Too many bytes are under way.");
        if (tenant && tenant.bytes + more > tenantBytes) throw tenantBusy();
      };
      return {
        expect,
        take(more) {
          if (released) return;
          expect(more);
          held += more;
          bytes += more;
          if (tenant) tenant.bytes += more;
        },
        ofTenant(id) {
          const part = tenants.get(id) ?? { requests: 0, bytes: 0 };
          if (part.requests >= tenantRequests) throw tenantBusy();
          part.requests++;
          tenants.set(id, part);
          tenant = part;
          tenantId = id;
        },
        release() {
          if (released) return;
          released = true;
          requests--;
          bytes -= held;
          if (!tenant) return;
          tenant.requests--;
          tenant.bytes -= held;
          if (tenant.requests === 0) tenants.delete(tenantId);
        },
      };
    },
  };
}

const overloaded = (detail: string) => new ProblemError("overloaded", detail, { retryAfterSeconds, closes: true });
const tenantBusy = () => new ProblemError("tenant_busy", undefined, { retryAfterSeconds, closes: true });
