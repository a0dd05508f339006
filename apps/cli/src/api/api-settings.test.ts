import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough, Readable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dataFiles, keepSecret, writeDataFile } from "../data-folder.ts";
import { readApiSettings } from "./api-settings.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), "mailfleet-test-cli-"));
  await writeDataFile(dataDir, dataFiles.adminToken, "the-folders-token");
  await writeDataFile(dataDir, dataFiles.apiUrl, "http://127.0.0.1:4321");
});
afterEach(() => rm(dataDir, { recursive: true }));

const settings = async (options: object, env: object = {}) => {
  const streams = { stdin: Readable.from(["from-stdin\n"]), stdout: new PassThrough(), stderr: new PassThrough() };
  const { url, token, tenant } = await readApiSettings(
    { ...streams, env: { MAILFLEET_DATA_DIR: dataDir, ...env } },
    options,
  );
  return { url, token: token.reveal(), tenant };
};

test("on the machine that runs the fleet, commands find it and its token by themselves", async () => {
  expect(await settings({})).toEqual({ url: "http://127.0.0.1:4321", token: "the-folders-token", tenant: undefined });
});

test("the folder's token never goes to another host", async () => {
  for (const url of [
    "http://mail.example.org",
    "https://127.0.0.1:4321",
    "http://127.0.0.1.example.org",
    "http://10.0.0.1",
  ]) {
    await expect(settings({ url })).rejects.toThrow(/No token/);
    await expect(settings({}, { MAILFLEET_PUBLIC_URL: url })).rejects.toThrow(/No token/);
  }
});

test("options win over the environment, and the environment over the folder", async () => {
  const env = { MAILFLEET_PUBLIC_URL: "https://mail.example.org/", MAILFLEET_ADMIN_TOKEN: "from-the-environment" };
  expect(await settings({ tenant: "acme" }, env)).toEqual({
    url: "https://mail.example.org",
    token: "from-the-environment",
    tenant: "acme",
  });
  expect((await settings({ token: "given" }, env)).token).toBe("given");
  expect((await settings({ tokenFile: "-" }, env)).token).toBe("from-stdin");
  await expect(settings({ token: "a", tokenFile: "b" })).rejects.toThrow(/exclude each other/);
  await expect(settings({ url: "ftp://x" })).rejects.toThrow(/--url must be/);
});

test("a secret is made once, even when two processes make it at the same time", async () => {
  let made = 0;
  const make = () => `secret-${made++}`;
  const kept = await Promise.all(Array.from({ length: 8 }, () => keepSecret(dataDir, dataFiles.demoKey, make)));
  expect(new Set(kept).size).toBe(1);
  expect(await keepSecret(dataDir, dataFiles.demoKey, make)).toBe(kept[0]);
});
