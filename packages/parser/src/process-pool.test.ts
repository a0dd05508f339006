import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { openProcessPool, type ProcessPoolOptions } from "./process-pool.ts";

const options: ProcessPoolOptions = {
  entry: new URL("./testing/misbehaving-process.ts", import.meta.url),
  processes: 1,
  jobMs: 20_000,
  startMs: 20_000,
  heapMb: 32,
  waiting: 100,
};
const open = (changed: Partial<ProcessPoolOptions> = {}) => openProcessPool<unknown>({ ...options, ...changed });

test("a job that hangs ends as timeout, and those behind it are done by the process that follows", async () => {
  await using pool = open({ jobMs: 400 });
  const outcomes = await Promise.all(["a", "hang", "b"].map((deed) => pool.run(deed)));
  expect(outcomes).toEqual([{ kind: "done", answer: "did a" }, { kind: "timeout" }, { kind: "done", answer: "did b" }]);
});

test("a job that hangs does not delay those that another process can do", async () => {
  await using pool = open({ processes: 2 });
  const hanging = expect(pool.run("hang")).rejects.toThrow("closed");
  for (const deed of ["a", "b", "c"]) expect(await pool.run(deed)).toEqual({ kind: "done", answer: `did ${deed}` });
  await pool[Symbol.asyncDispose]();
  await hanging;
});

test.each([
  ["eat the heap", "out_of_memory"],
  ["throw", "crashed"],
  ["exit", "crashed"],
  ["be killed", "crashed"],
])('a job that does "%s" ends as %s, and the next is done', async (deed, kind) => {
  await using pool = open();
  const [bad, good] = await Promise.all([pool.run(deed), pool.run("a")]);
  expect(bad).toEqual({ kind });
  expect(good).toEqual({ kind: "done", answer: "did a" });
});

test("a job whose process is killed by somebody else is done by the next", async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), "parser-"));
  await using pool = open();
  const outcome = await pool.run(`be killed once: ${path.join(folder.path, "killed")}`);
  expect(outcome).toEqual({ kind: "done", answer: "did survive" });
});

test("more jobs than may wait are answered busy, and the others are done", async () => {
  await using pool = open({ waiting: 2 });
  const outcomes = await Promise.all(["a", "b", "c"].map((deed) => pool.run(deed)));
  expect(outcomes.map(({ kind }) => kind)).toEqual(["done", "done", "busy"]);
});

test("a process sees nothing of the environment", async () => {
  await using pool = open();
  expect(await pool.run("show the environment")).toEqual({ kind: "done", answer: [] });
});

test("a job that cannot be sent is rejected, and the next is done", async () => {
  await using pool = open();
  const [unsendable, good] = await Promise.allSettled([pool.run(() => {}), pool.run("a")]);
  expect(unsendable.status).toBe("rejected");
  expect(good).toMatchObject({ value: { kind: "done", answer: "did a" } });
});

test("a module that cannot be loaded rejects each job once, and is not loaded for ever", async () => {
  await using pool = open({ entry: new URL("./testing/no-such-process.ts", import.meta.url) });
  const outcomes = await Promise.allSettled([pool.run("a"), pool.run("b")]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});

test("closing ends every process and rejects what is not done", async () => {
  const pool = open({ processes: 2 });
  const shown = await Promise.all([pool.run("show the process"), pool.run("show the process")]);
  const pids = shown.map((outcome) => (outcome.kind === "done" ? Number(outcome.answer) : 0));
  const ended = Promise.allSettled(["hang", "hang", "a"].map((deed) => pool.run(deed)));
  await pool[Symbol.asyncDispose]();
  expect((await ended).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  await expect(pool.run("a")).rejects.toThrow("closed");
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});
