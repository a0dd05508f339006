/** The life of a process: run(), its scope, health, and timers. */
export { type Clock, monotonicClock } from "./clock.ts";
export {
  type ArmedCrash,
  armCrash,
  type CrashPoint,
  crashPoint,
  crashPointAhead,
  inboundCrashPoints,
  type OutboundCrashPoint,
  outboundCrashPoints,
} from "./crash-point.ts";
export { type Check, createHealth, type Health, type HealthOptions, type HealthReport } from "./health.ts";
export { run } from "./run.ts";
export { createScope, type OpenScope, type Running, type Scope, type ScopeOptions } from "./scope.ts";
export { type HealthListener, listen, type MetricsSource, PortTakenError, serveHealth } from "./serve-health.ts";
export { every, jittered, type Ticker } from "./ticker.ts";
export { createWatchdog, type Pulse, type Watchdog } from "./watchdog.ts";
