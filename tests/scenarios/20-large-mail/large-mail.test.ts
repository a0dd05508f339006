import { type FakeImap, fakeImap, type MisbehavingHop, startMisbehavingHop } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letterTo } from "../../fleet/letters-to.ts";
import { type OneProcessFleet, startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";
import { mailboxOn, storiesIn, watch } from "../../fleet/watched-mailbox.ts";

const help = "help@example.org";
const limitBytes = 2_000_000;
let hop: MisbehavingHop;
let fleet: OneProcessFleet;

beforeAll(async () => {
  hop = await startMisbehavingHop();
  fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();
  await fleet.startWatcher({ WATCH_MESSAGE_BYTES: String(limitBytes) });
  await fleet.startAnswerer();
});
afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await hop?.[Symbol.asyncDispose]();
});

async function followed(id: string): Promise<FakeImap> {
  const server = await fakeImap({ users: [help] });
  const place = { host: server.host, imapPort: server.port, password: server.password };
  await watch(fleet, "acme", id, mailboxOn(place, help, { recordsReturnPath: false }));
  return server;
}

let people = 0;
const letter = (subject: string, bytes = 0, header: readonly string[] = [], body?: string) =>
  letterTo(help, {
    subject,
    header,
    from: `Ann <ann${++people}@example.net>`,
    text: body ?? `Hello.\r\n${`${"x".repeat(74)}\r\n`.repeat(Math.ceil(bytes / 76))}`,
  });

test("a large message is read over a second connection, and neither its own mailbox nor another waits for it", async () => {
  await using server = await followed("large");
  await using other = await followed("other");
  const { accepted } = server;
  // Eight pieces of it take four seconds.
  const pieces = /UID FETCH 1 .*BODY\.PEEK\[\]<(?!0\.)/;
  server.misbehaves({ at: "UID FETCH", does: "delay", ms: 500 });
  server.append(letter("large", 1_900_000));
  await server.heard(pieces);
  server.append(letter("small, in the same mailbox"));
  other.append(letter("small, in another"));
  const [elsewhere] = await storiesIn(fleet, "acme", "other", 1);
  const [large, small] = await storiesIn(fleet, "acme", "large", 2);
  for (const one of [large, small, elsewhere]) expect(one?.state).toBe("answered");
  // The newest first: the large one was recorded after the small one.
  expect([large?.subject, small?.subject]).toEqual(["large", "small, in the same mailbox"]);
  expect(server.accepted).toBe(accepted + 1);
  await until("the second connection is closed", () => server.connections === 1);
});

test("what is too large is recorded as that, without being read, and what comes after it is answered", async () => {
  await using server = await followed("too-large");
  server.append(letter("huge", limitBytes + 100_000));
  server.append(letter("after it"));
  const all = await storiesIn(fleet, "acme", "too-large", 2);
  expect(
    all.map(({ subject, state, reason, hasContent }) => [subject, reason ?? state, hasContent]).toSorted(),
  ).toEqual([
    ["after it", "answered", true],
    ["huge", "too_large", false],
  ]);
  expect(server.commands.filter((command) => /BODY\.PEEK\[\]<(?!0\.)/.test(command))).toEqual([]);
});

const nested = (depth: number) => {
  const open = Array.from(
    { length: depth },
    (_, n) => `--b${n}\r\nContent-Type: multipart/mixed; boundary=b${n + 1}\r\n\r\n`,
  );
  return open.join("");
};
const many = (parts: number) => `${"--b0\r\n\r\n\r\n".repeat(parts)}--b0--\r\n`;
const bombs: readonly (readonly [name: string, body: string, header?: string])[] = [
  ["depth", nested(3_000)],
  ["parts", many(100_000)],
  [
    "parameters",
    "",
    `Content-Type: text/plain;${Array.from({ length: 3_000 }, (_, n) => `\r\n name*${n}="x"`).join(";")}`,
  ],
];

test("MIME bombs end as unreadable, and neighbours are answered meanwhile", async () => {
  await using server = await followed("bombs");
  await using neighbour = await followed("neighbour");
  const boundary = "Content-Type: multipart/mixed; boundary=b0";
  for (const [name, body, header = boundary] of bombs)
    server.append(letter(name, 0, ["MIME-Version: 1.0", header], body));
  neighbour.append(letter("next door"));
  server.append(letter("in the same mailbox"));
  expect(await storiesIn(fleet, "acme", "neighbour", 1, undefined, 5_000)).toMatchObject([{ state: "answered" }]);
  const all = await storiesIn(fleet, "acme", "bombs", bombs.length + 1);
  expect(all.map(({ subject, state, reason }) => [subject, reason ?? state]).toSorted()).toEqual(
    [["in the same mailbox", "answered"], ...bombs.map(([name]) => [name, "unreadable"])].toSorted(),
  );
});
