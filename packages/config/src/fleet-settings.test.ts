import { expect, test } from "vitest";
import { fleetSettings, reader } from "./index.ts";

const read = (env: Record<string, string>, options?: Parameters<typeof fleetSettings>[1]) => {
  const r = reader(env);
  return r.check(fleetSettings(r, options));
};
const key = Buffer.alloc(32).toString("base64");

test("an empty environment is the embedded default", () => {
  const settings = read({});
  expect(settings.databaseUrl).toBeUndefined();
  expect(settings.redisUrl).toBeUndefined();
  expect(settings).toMatchObject({ dataDir: "./var", metricsPort: 8627, logLevel: "info" });
});

test("with a database of one's own, the token and the keys must be given too, and are asked for together", () => {
  const database = { MAILFLEET_DATABASE_URL: "postgres://u:p@db/mail" };
  expect(() => read(database)).toThrow(/MAILFLEET_ADMIN_TOKEN .*\n.*MAILFLEET_SECRET_KEYS/);
  expect(() => read({ ...database, MAILFLEET_SECRET_KEYS: key })).toThrow(
    /^1 setting is wrong:\n {2}MAILFLEET_ADMIN_TOKEN/,
  );
  expect(
    read({ ...database, MAILFLEET_SECRET_KEYS: key }, { needsAdminToken: false }).secretKeys?.reveal(),
  ).toHaveLength(1);
});

test.each(["redis://r", "rediss://r", "redis+sentinel://a,b/master", "rediss+cluster://a,b"])(
  "%s may be Redis",
  (url) => {
    expect(read({ MAILFLEET_REDIS_URL: url }).redisUrl?.reveal()).toBe(url);
  },
);

test.each([
  ["s3://id:secret@bucket/prefix", true],
  ["file:///var/lib/blobs", true],
  ["https://bucket.example.org", false],
  ["http://127.0.0.1:9000", false],
])("a blob store at %s: %s", (url, isOne) => {
  const blobUrl = () => read({ MAILFLEET_BLOB_URL: url }).blobUrl?.reveal();
  if (isOne) expect(blobUrl()).toBe(url);
  else expect(blobUrl).toThrow(/MAILFLEET_BLOB_URL/);
});
