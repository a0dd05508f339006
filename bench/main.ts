/** `npm run bench`: measures the table of figures, all in one run on one machine, prints it and keeps it as JSON. */
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import path from "node:path";
import { isMet, noiseText, tableOf } from "./figure.ts";
import { openLab } from "./lab.ts";
import { measure } from "./measure.ts";
import { type Plan, planOf, UsageError, usage } from "./plan.ts";

const root = path.resolve(import.meta.dirname, "..");

try {
  const plan = planOf(process.argv.slice(2));
  if (plan === "help") console.log(usage);
  else await bench(plan);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}

async function bench(plan: Plan): Promise<void> {
  const startedAt = new Date();
  await using lab = await openLab(plan);
  const { figures, windows, raw } = await measure(lab, plan, (what) => console.error(`· ${what}`));
  const [postgres] = await lab.db.query<{ version: string }>("select version()");
  const machine = {
    cpus: cpus().length,
    cpu: cpus()[0]?.model.trim(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    postgres: postgres?.version,
  };
  const seconds = Math.round((Date.now() - startedAt.getTime()) / 1_000);
  console.log(`\n${machine.cpus} CPUs (${machine.cpu}), Node ${machine.node}, ${seconds} s\n\n${tableOf(figures)}`);
  if (windows.length > 0) console.log(`\n${noiseText(windows)}`);

  const name = `${startedAt.toISOString().slice(0, 16).replaceAll(":", "")}.local.json`;
  const file = path.resolve(plan.out ?? path.join(root, "bench-results", name));
  await mkdir(path.dirname(file), { recursive: true });
  const judged = figures.map((figure) => ({ ...figure, met: isMet(figure) ?? null }));
  const options = { seconds: plan.seconds, full: plan.full, rows: [...plan.rows] };
  await writeFile(file, `${JSON.stringify({ startedAt, seconds, options, machine, figures: judged, raw }, null, 2)}\n`);
  console.log(`\nkept in ${path.relative(process.cwd(), file)}`);
}
