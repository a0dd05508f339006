import path from "node:path";
import { run, type Scope } from "@mailfleet/service";
import { checkDatabase, migrate } from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { dataFiles, writeDataFile } from "../data-folder.ts";
import type { Terminal } from "../terminal.ts";
import { type Demo, startDemo } from "./demo.ts";
import { type Fleet, openFleetStore, startFleet } from "./fleet.ts";
import { holdStream } from "./held-stream.ts";
import { allServers, ownServerSteps, toldServers } from "./own-servers.ts";
import { type Plan, readPlan } from "./plan.ts";
import { runSteps, type Step } from "./steps.ts";
import { welcomeText } from "./welcome.ts";

/** Enough for an embedded PostgreSQL to write its checkpoint. */
const closeMs = 30_000;

/**
 * Runs the whole fleet in this process until SIGTERM or SIGINT. With no database told it runs on an embedded one, with
 * keys of its own making and a demo tenant; with no Redis told, on a private one. `onError` hears of trouble.
 */
export async function up(terminal: Terminal, onError: (error: unknown) => void): Promise<void> {
  const plan = readPlan(terminal.env);
  await run((scope) => runFleet(plan, terminal, scope), { graceMs: plan.graceMs, closeMs, onError });
}

async function runFleet(plan: Plan, terminal: Terminal, scope: Scope): Promise<void> {
  const found = toldServers(plan);
  if (!(await runSteps(ownServerSteps(plan, scope, found, terminal.stderr), terminal, scope.draining))) return;
  const servers = allServers(found);

  const log = holdStream(terminal.stderr);
  const pretty = terminal.stderr.isTTY ?? false;
  const telemetry = scope.own(openTelemetry("up", { logLevel: plan.logLevel, pretty, destination: log }), "telemetry");
  for (const warning of plan.warnings) telemetry.log.warn(warning);
  const store = scope.own(openFleetStore(plan, servers, telemetry), "store");
  let fleet: Fleet | undefined;
  let demo: Demo | undefined;
  const steps: readonly Step[] = [
    {
      title: "Schema",
      async run() {
        const applied = await migrate((plan.migrateDatabaseUrl ?? servers.databaseUrl).reveal());
        await checkDatabase(store.db);
        return applied.length === 0 ? "up to date" : `${applied.length} migrations applied`;
      },
    },
    {
      title: "Demo",
      isWanted: plan.isEmbedded,
      async run() {
        demo = await startDemo(plan, store, scope, terminal.stderr);
        return `its mail arrives at ${demo.inbox}`;
      },
    },
    {
      title: "Fleet",
      async run() {
        fleet = await startFleet({ plan, servers, store, telemetry }, scope);
        return "API, submission, dispatch, mailboxes, answers and board";
      },
    },
  ];
  try {
    if (!(await runSteps(steps, terminal, scope.draining)) || !fleet) return;
  } finally {
    log.release();
  }

  if (plan.isEmbedded) await writeDataFile(plan.dataDir, dataFiles.apiUrl, fleet.api);
  const adminToken = plan.adminToken ? "as in MAILFLEET_ADMIN_TOKEN" : path.join(plan.dataDir, dataFiles.adminToken);
  terminal.stdout.write(welcomeText({ ...fleet, adminToken, ...(demo && { demo }) }));
  await fleet.ended;
}
