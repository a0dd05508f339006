/** One function per thing that happens to mail: log line and metric together. */
export type { AnswerEvents, InboundFacts } from "./answer-events.ts";
export type { AcceptedFacts, AttemptFacts, DeliveryEvents, DeliveryFacts } from "./delivery-events.ts";
export type { EdgeEvents } from "./edge-events.ts";
export type { FleetEvents } from "./fleet-events.ts";
export type { Log, LogLevel, LogOptions } from "./log.ts";
export { openTelemetry, type Telemetry, type TelemetryOptions } from "./open-telemetry.ts";
export { withoutUrlCredentials } from "./redact.ts";
