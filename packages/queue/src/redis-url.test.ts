import { expect, test } from "vitest";
import { parseRedisUrl, RedisUrlError } from "./index.ts";

const plain = { tls: false, database: 0 };

test.each([
  ["redis://localhost", { ...plain, kind: "standalone", node: { host: "localhost", port: 6379 } }],
  ["redis://r:7000/3", { ...plain, kind: "standalone", node: { host: "r", port: 7000 }, database: 3 }],
  ["redis://:p%40ss@r", { ...plain, kind: "standalone", node: { host: "r", port: 6379 }, password: "p@ss" }],
  [
    "rediss://ann:p:q@[::1]:1/",
    { ...plain, kind: "standalone", node: { host: "::1", port: 1 }, tls: true, username: "ann", password: "p:q" },
  ],
  [
    "redis+sentinel://u:p@a:1,b/mail/2?sentinelPassword=s%20t",
    {
      ...plain,
      kind: "sentinel",
      nodes: [
        { host: "a", port: 1 },
        { host: "b", port: 26379 },
      ],
      masterName: "mail",
      sentinelPassword: "s t",
      username: "u",
      password: "p",
      database: 2,
    },
  ],
  [
    "rediss+cluster://a,b:7",
    {
      ...plain,
      kind: "cluster",
      tls: true,
      nodes: [
        { host: "a", port: 6379 },
        { host: "b", port: 7 },
      ],
    },
  ],
])("%s is read", (url, address) => {
  expect(parseRedisUrl(url)).toEqual(address);
});

test.each([
  "",
  "localhost:6379",
  "http://u:hush@r",
  "redis://u:hush@r:0",
  "redis://u:hush@r:70000",
  "redis://u:hush@a,b",
  "redis://u:hush@r/x",
  "redis://u:hush%@r",
  "redis+sentinel://u:hush@a,b",
  "redis+cluster://u:hush@a/1",
])("%j is refused without its password", (url) => {
  expect(() => parseRedisUrl(url)).toThrow(RedisUrlError);
  expect(() => parseRedisUrl(url)).not.toThrow(/hush/);
});
