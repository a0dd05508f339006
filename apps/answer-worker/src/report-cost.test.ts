/** Reports are read on the main thread, where everything else in the process waits for them. */
import { readReport } from "@mailfleet/mail";
import { expect, test } from "vitest";

const head = "From: MAILER-DAEMON@peer.test\nReturn-Path: <>\n";
const multipart = `${head}Content-Type: multipart/report; boundary=b\n\n`;

test.for([
  ["delimiters within lines", multipart, "--b"],
  ["almost delimiters", multipart, "\n--bx"],
  ["recipients", `${head}\nThis is the qmail-send program at x\n`, "<a@peer.test>:\n550 5.1.1 no\n"],
  ["one header without an end", "From: MAILER-DAEMON@peer.test\n", "X: y\n"],
] as const)("a report of 26 MiB full of %s costs less than 50 ms", ([, beginning, filling]) => {
  const bytes = Buffer.alloc(26 * 1_048_576, filling);
  bytes.write(beginning);
  // Of several readings the cheapest, in CPU time: what else the machine does is not the report's doing.
  const costs = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage();
    readReport(bytes);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  });
  expect(Math.min(...costs)).toBeLessThan(50);
});
