import { expect, test } from "vitest";
import { runCommand } from "../testing/run-command.ts";

test("the help of send says how long it waits as somebody would write it", async () => {
  const { stdout } = await runCommand(["send", "--help"], {});
  expect(stdout).toMatch(/--timeout <duration> +how long to wait at most \(default: 5m\)/);
});
