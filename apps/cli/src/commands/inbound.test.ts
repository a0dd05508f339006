import { expect, test } from "vitest";
import { runCommand } from "../testing/run-command.ts";

const nowhere = ["--url", "http://127.0.0.1:1", "--token", "t"];

test("a blank text or subject approves nothing, and says how the draft is sent as it is", async () => {
  const approve = (line: readonly string[], stdin = "") =>
    runCommand(["inbound", "approve", "one", ...line, ...nowhere], {}, stdin);
  expect(await approve(["--text-file", "-"], " \r\n\t\n")).toMatchObject({
    exitCode: 1,
    stderr: "mailfleet: - is blank; without --text-file the draft goes as it is.\n",
  });
  expect(await approve(["--subject", " "])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("--subject is blank; without it the draft keeps its own."),
  });
});
