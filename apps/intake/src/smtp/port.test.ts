import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { createScope } from "@mailfleet/service";
import { expect, test } from "vitest";
import { type SmtpDeps, startSmtpListener } from "./listener.ts";
import { settings } from "./testing/listener-rig.ts";

test("a port that is taken is told with the setting that moves it, and ends nothing else", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  await using scope = createScope({ graceMs: 0, closeMs: 1_000 });
  const telemetry = { log: { debug() {}, info() {}, warn() {}, error() {} } };
  const deps = { settings: { ...settings, smtpPort: port }, telemetry } as unknown as SmtpDeps;
  try {
    await expect(startSmtpListener(deps, scope)).rejects.toThrow(
      `port ${port} on 127.0.0.1 is taken; MAILFLEET_SMTP_PORT moves it`,
    );
  } finally {
    other.close();
  }
});
