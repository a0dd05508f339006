import type { Reader } from "@mailfleet/config";
import { type HttpLimits, httpLimits } from "./limits.ts";

export type HttpSettings = ReturnType<typeof httpSettings>;

/** The settings of the HTTP listener. */
export function httpSettings({ text, integer, list }: Reader) {
  return {
    apiHost: text("API_HOST", "Address that the HTTP API listens on.", { otherwise: "127.0.0.1" }),
    apiPort: integer("API_PORT", "Port of the HTTP API; 0 picks a free one.", { min: 0, max: 65_535, otherwise: 8625 }),
    apiMaxBodyBytes: integer("API_MAX_BODY_BYTES", "Bytes of one request's body.", {
      min: 65_536,
      max: 134_217_728,
      otherwise: httpLimits.bodyBytes,
    }),
    apiMaxInFlightBytes: integer("API_MAX_IN_FLIGHT_BYTES", "Bytes of all bodies that are worked on in one process.", {
      min: 1_048_576,
      max: 4_294_967_296,
      otherwise: httpLimits.inFlightBytes,
    }),
    apiMaxRequests: integer("API_MAX_REQUESTS", "Requests that are worked on in one process.", {
      min: 1,
      max: 100_000,
      otherwise: httpLimits.inFlightRequests,
    }),
    apiProxies: list("API_PROXIES", "Addresses or networks of proxies whose X-Forwarded-For is believed.", {
      otherwise: [],
      max: 100,
    }),
  };
}

export const limitsOf = (settings: HttpSettings): HttpLimits => ({
  ...httpLimits,
  bodyBytes: settings.apiMaxBodyBytes,
  inFlightBytes: Math.max(settings.apiMaxInFlightBytes, settings.apiMaxBodyBytes),
  inFlightRequests: settings.apiMaxRequests,
});
