/**
 * Runs seeds of the simulation, for people: `node --conditions=mailfleet-source tests/simulation/main.ts --seed 17` shows what one
 * does, `--seed 1 --seeds 1000` looks for one that fails.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { startEmbeddedPostgres } from "@mailfleet/embedded";
import { openDatabase } from "@mailfleet/store";
import { mutations, unchanged } from "./mutations.ts";
import { reportOf } from "./report.ts";
import { runSeed } from "./run-seed.ts";
import { openSimulatedDatabase } from "./simulated-database.ts";
import { mutations as inboundMutations, unchanged as inboundUnchanged } from "./way-in/mutations.ts";
import { objectionRecords } from "./way-in/objections.ts";
import { runInboundSeed } from "./way-in/run-seed.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string" },
    mutation: { type: "string" },
    /** The way in: mailboxes, watchers and answer workers. */
    inbound: { type: "boolean", default: false },
    lines: { type: "string", default: "80" },
    /** Ends with the first seed that fails. */
    first: { type: "boolean", default: false },
  },
});
const first = Number(values.seed);
const count = Number(values.seeds ?? 1);
const named = <T extends { readonly name: string }>(all: readonly T[], otherwise: T): T => {
  const found = all.find(({ name }) => name === values.mutation) ?? otherwise;
  if (values.mutation && found === otherwise) throw new Error(`there is no mutation "${values.mutation}"`);
  return found;
};

const folder = await mkdtemp(path.join(tmpdir(), "mailfleet-simulation-"));
await chmod(folder, 0o711); // As root, PostgreSQL runs as another user, who must get in.
const settings = { fsync: "off", full_page_writes: "off" };
const postgres = await startEmbeddedPostgres({ dataDir: folder, settings, stopWithParent: true });
try {
  await using admin = openDatabase({ url: postgres.url, poolSize: 1 });
  await admin.query("create database simulation");
  const url = new URL(postgres.url);
  url.pathname = "/simulation";
  const inbound = values.inbound ? named(inboundMutations, inboundUnchanged) : undefined;
  const outbound = inbound ? unchanged : named(mutations, unchanged);
  const { sql } = inbound ?? outbound;
  await using database = await openSimulatedDatabase(url.href, sql, inbound && objectionRecords);
  const run = (seed: number) => (inbound ? runInboundSeed(seed, database, inbound) : runSeed(seed, database, outbound));
  const began = performance.now();
  let failed = 0;
  let steps = 0;
  for (let seed = first; seed < first + count; seed++) {
    const result = await run(seed);
    steps += result.steps;
    if (result.violations.length > 0) failed++;
    if (result.violations.length > 0 || count === 1)
      console.log(reportOf(result, Number(values.lines), values.inbound ? "--inbound " : ""));
    if (result.violations.length > 0 && values.first) break;
  }
  const seconds = (performance.now() - began) / 1000;
  console.log(`${count} seeds, ${failed} failed, ${steps} steps, ${seconds.toFixed(1)} s`);
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
