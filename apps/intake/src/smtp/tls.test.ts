import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificate } from "@mailfleet/testkit";
import { describe, expect, test, vi } from "vitest";
import { connectClient } from "./testing/dialogue.ts";
import { openListenerRig } from "./testing/listener-rig.ts";
import { auth, greet, submit } from "./testing/session.ts";

describe("TLS", () => {
  async function certificateFiles() {
    const folder = await mkdtemp(join(tmpdir(), "mailfleet-intake-"));
    const [smtpTlsCert, smtpTlsKey] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    const write = async ({ cert, key }: { cert: string; key: string }) => {
      await writeFile(smtpTlsKey, key);
      await writeFile(smtpTlsCert, cert);
    };
    return {
      settings: { smtpTlsCert, smtpTlsKey },
      write,
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
    };
  }

  test("with a certificate, AUTH is offered and taken under TLS only, and what came before is forgotten", async () => {
    await using files = await certificateFiles();
    const certificate = await makeCertificate();
    await files.write(certificate);
    await using rig = await openListenerRig(files);
    await using client = connectClient(rig.port);
    await client.reply();
    client.send("EHLO client.example\r\n");
    const before = await client.reply();
    expect(before.join()).toContain("STARTTLS");
    expect(before.join()).not.toContain("AUTH");
    expect(await client.command(auth)).toMatch(/^538 /);
    expect(await client.command("MAIL FROM:<ann@example.org>")).toMatch(/^530 5\.7\.0 /);
    // What is sent in clear behind STARTTLS must not be carried out under TLS.
    client.send(`STARTTLS\r\n${auth}\r\n`);
    expect((await client.reply()).at(-1)).toMatch(/^220 /);
    const tls = await client.startTls({ ca: certificate.cert, servername: "localhost" });
    expect(tls.authorized).toBe(true);
    expect(await client.command("MAIL FROM:<ann@example.org>")).toMatch(/^503 /);
    client.send("EHLO client.example\r\n");
    const after = await client.reply();
    expect(after.join()).toContain("AUTH PLAIN LOGIN");
    expect(after.join()).not.toContain("STARTTLS");
    expect(await client.command("MAIL FROM:<ann@example.org>")).toMatch(/^530 /);
    expect(await client.command(auth)).toMatch(/^235 /);
    expect(await submit(client)).toMatch(/^250 /);
  });

  test("a certificate that is renewed serves new sessions, and one that is no good does not", async () => {
    await using files = await certificateFiles();
    const [old, next] = [await makeCertificate(), await makeCertificate()];
    await files.write(old);
    await using rig = await openListenerRig({ ...files, certificateIntervalMs: 20 });
    const serves = async (ca: string) => {
      await using client = await greet(rig.port);
      await client.command("STARTTLS");
      return await client.startTls({ ca, servername: "localhost" }).then(
        () => true,
        () => false,
      );
    };
    expect(await serves(old.cert)).toBe(true);
    await files.write({ cert: next.cert, key: old.key });
    await vi.waitFor(() => expect(rig.log.join()).toContain("cannot be renewed"), 3_000);
    expect(await serves(old.cert)).toBe(true);
    await files.write(next);
    await vi.waitFor(async () => expect(await serves(next.cert)).toBe(true), 3_000);
    expect(await serves(old.cert)).toBe(false);
  });

  test("without a certificate nobody can authenticate beyond loopback, and the start says so", async () => {
    await using rig = await openListenerRig({ settings: { smtpHost: "0.0.0.0" } });
    await using client = connectClient(rig.port);
    await client.reply();
    client.send("EHLO client.example\r\n");
    expect((await client.reply()).join()).not.toMatch(/AUTH|STARTTLS/);
    expect(await client.command(auth)).toMatch(/^500 /);
    expect(await client.command("MAIL FROM:<ann@example.org>")).toMatch(/^530 5\.7\.0 /);
    expect(rig.log.join()).toContain("MAILFLEET_SMTP_TLS_CERT");
  });

  test("a certificate that cannot be used is told at the start", async () => {
    await using files = await certificateFiles();
    await expect(openListenerRig(files)).rejects.toThrow("ENOENT");
  });
});
