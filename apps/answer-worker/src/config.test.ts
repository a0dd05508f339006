import { writeFile } from "node:fs/promises";
import path from "node:path";
import { noOperatorConfig } from "@mailfleet/answer";
import { ConfigError, reader } from "@mailfleet/config";
import { expect, onTestFinished, test } from "vitest";
import { answerSettings, readConfig } from "./config.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";

const given = {
  MAILFLEET_DATABASE_URL: "postgres://db.test/mail",
  MAILFLEET_REDIS_URL: "redis://redis.test",
  MAILFLEET_SECRET_KEYS: Buffer.alloc(32).toString("base64"),
};
const tool = {
  name: "lookup",
  description: "Looks up an order.",
  parameters: { type: "object", properties: { order: { type: "string" } }, additionalProperties: false },
  program: process.execPath,
  arguments: ["{order}"],
};

const problemsOf = (env: Record<string, string>): readonly string[] => {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ name, problem }) => `${name} ${problem}`);
    throw error;
  }
};

test("what is not set has its default, and no tool and no private network is allowed", () => {
  expect(answerSettings(reader({}))).toEqual({
    slots: 16,
    perTenant: 8,
    slowMs: 3_000,
    sweepMs: 1_000,
    lookAfterMs: 60_000,
    operator: noOperatorConfig,
  });
});

test("the operator's tools are read from a file, and private networks may be opened beside it", async () => {
  const folder = await scratchFolder(onTestFinished);
  const file = path.join(folder, "tools.json");
  await writeFile(file, JSON.stringify({ tools: [tool], toolHosts: ["api.acme.test"] }));
  const config = readConfig({
    ...given,
    MAILFLEET_ANSWER_TOOLS_FILE: file,
    MAILFLEET_ANSWER_PRIVATE_NETWORKS: "true",
  });
  expect(config.operator).toMatchObject({
    tools: [{ name: "lookup", program: process.execPath }],
    toolHosts: ["api.acme.test"],
    allowPrivateNetworks: true,
  });
  expect(config.warnings).toEqual([]);
});

test("all that is wrong with the operator's tools is told at start, together", () => {
  expect(problemsOf({ ...given, MAILFLEET_ANSWER_TOOLS: "{" })).toEqual(["MAILFLEET_ANSWER_TOOLS is not JSON"]);
  const wrong = {
    tools: [
      { ...tool, name: "decline" },
      { ...tool, program: "/bin/sh" },
    ],
    toolHost: [],
  };
  expect(problemsOf({ ...given, MAILFLEET_ANSWER_TOOLS: JSON.stringify(wrong) })).toHaveLength(1);
  const { toolHost: _, ...tools } = wrong;
  const told = problemsOf({ ...given, MAILFLEET_ANSWER_TOOLS: JSON.stringify(tools) });
  expect(told).toHaveLength(2);
  expect(told[0]).toMatch(/^MAILFLEET_ANSWER_TOOLS tools\[0\]\.name: /);
  expect(told[1]).toMatch(/^MAILFLEET_ANSWER_TOOLS tools\[1\]\.program: /);
  const absent = { tools: [{ ...tool, program: "/nowhere/at/all" }] };
  expect(problemsOf({ ...given, MAILFLEET_ANSWER_TOOLS: JSON.stringify(absent) })).toEqual([
    "MAILFLEET_ANSWER_TOOLS lookup: /nowhere/at/all is no program that may be run",
  ]);
});
