/** Environment to typed, checked, frozen values. */
export { ConfigError, type Problem } from "./config-error.ts";
export { type Duration, durationMs, formatDuration, parseDuration } from "./duration.ts";
export { type FleetSettings, fleetSettings, type LogLevel, logLevels } from "./fleet-settings.ts";
export { readConfigOrExit } from "./read-or-exit.ts";
export { describeSettings, type OptionalReader, type Reader, reader, type Setting } from "./reader.ts";
export { Secret } from "./secret.ts";
export type { Environment } from "./source.ts";
export { readWorkerConfig } from "./worker-config.ts";
