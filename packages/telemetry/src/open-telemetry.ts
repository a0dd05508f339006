import { readFileSync } from "node:fs";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { type AnswerEvents, answerEvents } from "./answer-events.ts";
import { type DeliveryEvents, deliveryEvents } from "./delivery-events.ts";
import { type EdgeEvents, edgeEvents } from "./edge-events.ts";
import { type FleetEvents, fleetEvents } from "./fleet-events.ts";
import { type InboundEvents, inboundEvents } from "./inbound-events.ts";
import { type Log, type LogOptions, openLog } from "./log.ts";
import { defineMetrics } from "./metrics.ts";

export interface TelemetryOptions extends LogOptions {
  /** Goes into `mailfleet_build_info`. */
  readonly version?: string;
  /** Tenants that have a label of their own; the rest is "other". */
  readonly maxTenantLabels?: number;
  /** Accounts, over all tenants, that have a label of their own; the rest is "other". */
  readonly maxAccountLabels?: number;
  /** Whether memory, CPU, event loop and garbage collection of the process are measured; true by default. */
  readonly processMetrics?: boolean;
}

/** One function per thing that happens: it writes the log line and counts the metric together. */
export interface Telemetry
  extends DeliveryEvents,
    FleetEvents,
    EdgeEvents,
    InboundEvents,
    AnswerEvents,
    AsyncDisposable {
  /** For what is no event of the mail's: starting, stopping, trouble. */
  readonly log: Log;
  readonly metricsContentType: string;
  /** All metrics in Prometheus' text format. */
  metrics(): Promise<string>;
  /** From now on every scrape asks the database, by `ping`, whether it is there. Once per process. */
  measureDatabase(ping: () => Promise<unknown>): void;
  /** The same metrics, with lines that name another app: for several apps in one process. */
  forApp(app: string): Telemetry;
}

/** Opens the log and the metrics of a process. `app` is on every line, as `app`. */
export function openTelemetry(app: string, options: TelemetryOptions): Telemetry {
  const { version = ownVersion(), maxTenantLabels = 200, maxAccountLabels = 500, processMetrics = true } = options;
  const root = openLog(options);
  const registry = new Registry();
  const metrics = defineMetrics(registry, { maxTenants: maxTenantLabels, maxAccounts: maxAccountLabels });
  if (processMetrics) collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "mailfleet_build_info",
    help: "Always 1; the labels say what runs.",
    labelNames: ["app", "version", "node"],
    registers: [registry],
  }).set({ app, version, node: process.version }, 1);

  const forApp = (name: string): Telemetry => {
    const log = root.child({ app: name });
    return {
      ...deliveryEvents(log, metrics),
      ...fleetEvents(log, metrics),
      ...edgeEvents(log, metrics),
      ...inboundEvents(log, metrics),
      ...answerEvents(log, metrics),
      log,
      metricsContentType: registry.contentType,
      metrics: () => registry.metrics(),
      measureDatabase: (ping) => void databaseUp(registry, ping),
      forApp,
      [Symbol.asyncDispose]: async () => {
        root.flush();
      },
    };
  };
  return forApp(app);
}

/** One fleet, one version: every package has it. */
function ownVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}

/** A database that takes longer than this to say anything is not there. */
const pingLimitMs = 1_000;

function databaseUp(registry: Registry, ping: () => Promise<unknown>): Gauge {
  return new Gauge({
    name: "mailfleet_database_up",
    help: "1 where the database answers this process, else 0.",
    registers: [registry],
    async collect() {
      const late = new Promise<0>((resolve) => setTimeout(resolve, pingLimitMs, 0).unref());
      const answer = ping().then(
        () => 1,
        () => 0,
      );
      this.set(await Promise.race([answer, late]));
    },
  });
}
