import { allAbilities, type FakeImap, fakeImap, type MisbehavingHop, startMisbehavingHop } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letterTo } from "../../fleet/letters-to.ts";
import { type OneProcessFleet, startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";
import { mailboxOn, reachesState, storiesIn, watch } from "../../fleet/watched-mailbox.ts";

const help = "help@example.org";
let hop: MisbehavingHop;
let fleet: OneProcessFleet;

beforeAll(async () => {
  hop = await startMisbehavingHop();
  fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();
  await fleet.startWatcher({ WATCH_LOGINS_PER_SECOND: "1000" });
  await fleet.startAnswerer();
});
afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await hop?.[Symbol.asyncDispose]();
});

const serverFor = (options: { readonly users?: readonly string[]; readonly abilities?: readonly string[] } = {}) =>
  fakeImap({ users: [help], ...options });
const place = ({ host, port, password }: FakeImap) => ({ host, imapPort: port, password });

/** Somebody else each time, so that no cap on a correspondent is in the way. */
let people = 0;
const letter = (subject: string) =>
  letterTo(help, { subject, from: `Ann <ann${++people}@example.net>`, header: [`Return-Path: <ann@example.net>`] });

const answersTo = (subject: string) =>
  hop.messages.filter(({ content }) => content.includes(`Subject: Re: ${subject}\r\n`)).length;

test("IDLE and poll both answer, and a server without IDLE is polled, as the mailbox's page says", async () => {
  await using idling = await serverFor();
  await using polled = await serverFor();
  await using poor = await serverFor({ abilities: allAbilities.filter((ability) => ability !== "IDLE") });
  await watch(fleet, "acme", "idling", mailboxOn(place(idling), help));
  await watch(fleet, "acme", "polled", mailboxOn(place(polled), help, { mode: "poll", pollInterval: "5s" }));
  await watch(fleet, "acme", "poor", mailboxOn(place(poor), help, { pollInterval: "5s" }));
  await idling.idling();
  const following = async (id: string) => (await fleet.ask("GET", `/v1/mailboxes/${id}`, "acme")).body.following;
  expect(await Promise.all(["idling", "polled", "poor"].map(following))).toEqual(["idle", "poll", "poll"]);
  for (const server of [idling, polled, poor]) server.append(letter("by IDLE or not"));
  for (const id of ["idling", "polled", "poor"]) {
    expect(await storiesIn(fleet, "acme", id, 1)).toMatchObject([{ state: "answered" }]);
  }
  expect(polled.commands).not.toContain("IDLE");
  expect(poor.commands).not.toContain("IDLE");
});

test("without CONDSTORE, UIDPLUS, MOVE and SPECIAL-USE mail is answered, marked, copied and moved all the same", async () => {
  await using server = await serverFor({ abilities: ["IDLE", "AUTH=PLAIN"] });
  await watch(fleet, "acme", "bare", mailboxOn(place(server), help, {}, { appendTo: "\\Sent", moveTo: "Done" }));
  const neighbour = server.append("Subject: deleted by a person\r\n\r\n", { flags: ["\\Deleted", "\\Seen"] });
  server.append(letter("a bare server"));
  const [story] = await storiesIn(fleet, "acme", "bare", 1);
  expect(story?.state).toBe("answered");
  await until("all is done", async () => {
    const { body } = await fleet.ask("GET", `/v1/inbound/${story?.id}`, "acme");
    return body.actions.every(({ doneAt }: { doneAt: string | null }) => doneAt !== null);
  });
  const flagsIn = (folder: string) => server.folder(folder).messages.map(({ flags }) => [...flags]);
  expect(flagsIn("Done")).toEqual([["\\Answered"]]);
  expect(flagsIn("Sent")).toEqual([["\\Seen"]]);
  // What a person has marked is the person's to expunge.
  expect(server.folder().messages.map(({ uid }) => uid)).toContain(neighbour.uid);
  await hop.kept(1);
  expect(answersTo("a bare server")).toBe(1);
});

test("servers that never finish an answer delay no other mailbox", async () => {
  const stuck = await Promise.all(Array.from({ length: 5 }, () => serverFor()));
  await using healthy = await serverFor();
  await watch(fleet, "acme", "healthy", mailboxOn(place(healthy), help));
  for (const [n, server] of stuck.entries()) {
    await watch(fleet, "acme", `stuck-${n}`, mailboxOn(place(server), help));
    server.misbehaves({ at: "UID FETCH", does: "stall" });
    server.append(letter("at a stuck server"));
    await server.heard(/UID FETCH/);
  }
  healthy.append(letter("at a healthy one"));
  expect(await storiesIn(fleet, "acme", "healthy", 1, undefined, 3_000)).toMatchObject([{ state: "answered" }]);
  for (const server of stuck) {
    server.behaves();
    server.cut();
  }
  for (const n of stuck.keys()) {
    expect(await storiesIn(fleet, "acme", `stuck-${n}`, 1)).toMatchObject([{ state: "answered" }]);
  }
  await Promise.all(stuck.map((server) => server[Symbol.asyncDispose]()));
});

test("a server that takes its time with every command is answered, if later", async () => {
  await using slow = await serverFor();
  slow.misbehaves({ at: "*", does: "delay", ms: 250 });
  await watch(fleet, "acme", "slow", mailboxOn(place(slow), help));
  slow.append(letter("slowly"));
  expect(await storiesIn(fleet, "acme", "slow", 1)).toMatchObject([{ state: "answered" }]);
});

test("a server that throttles sees no login storm; a changed mailbox is tried at once", async () => {
  const users = Array.from({ length: 10 }, (_, n) => `user-${n}@example.org`);
  await using throttling = await serverFor({ users });
  await using other = await serverFor();
  await watch(fleet, "acme", "other", mailboxOn(place(other), help));
  throttling.misbehaves({
    at: "LOGIN",
    does: "answer",
    text: "NO [LIMIT] Too many simultaneous connections. (Failure)",
  });
  const put = (n: number) =>
    fleet.ask("PUT", `/v1/mailboxes/throttled-${n}`, "acme", mailboxOn(place(throttling), users[n] ?? ""));
  const begunAt = performance.now();
  for (const n of users.keys()) await put(n);
  for (const n of users.keys()) {
    expect(await reachesState(fleet, "acme", `throttled-${n}`, "unreachable")).toMatchObject({
      reason: "throttled",
      detail: expect.stringContaining("Too many simultaneous connections"),
    });
  }
  for (let n = 1; n <= 4; n++) {
    other.append(letter(`meanwhile ${n}`));
    await storiesIn(fleet, "acme", "other", n);
  }
  // Each stays away for at least half of 15 s before it comes again.
  const rounds = 1 + Math.floor((performance.now() - begunAt) / 7_500);
  expect(throttling.logins.tried).toBeGreaterThanOrEqual(users.length);
  expect(throttling.logins.tried).toBeLessThanOrEqual(rounds * users.length);

  throttling.behaves();
  await put(0);
  await reachesState(fleet, "acme", "throttled-0", "following");
});

test("refused credentials are tried once, quarantine the mailbox with the server's words, and a new password heals it", async () => {
  await using server = await serverFor();
  const wrong = mailboxOn({ ...place(server), password: "wrong" }, help);
  expect((await fleet.ask("PUT", "/v1/mailboxes/refused", "acme", wrong)).status).toBe(201);
  const page = await reachesState(fleet, "acme", "refused", "quarantined");
  expect(page).toMatchObject({ reason: "authentication", detail: expect.stringMatching(/AUTHENTICATIONFAILED.*\w/) });
  expect(Date.parse(page.retryAt) - Date.now()).toBeGreaterThan(60_000);
  server.append(letter("while nobody got in"));
  const other = await fleet.ask("PUT", "/v1/mailboxes/refused-too", "acme", { ...wrong, folder: "Other" });
  expect(other.status).toBe(201);
  await reachesState(fleet, "acme", "refused-too", "quarantined");
  expect(server.logins.tried).toBe(2);

  const right = mailboxOn(place(server), help);
  await fleet.ask("PUT", "/v1/mailboxes/refused", "acme", right);
  expect(await storiesIn(fleet, "acme", "refused", 1)).toMatchObject([{ state: "answered" }]);
  expect(server.logins).toEqual({ tried: 3, succeeded: 1 });
});

test("a password that is changed under a followed mailbox costs one login, not many", async () => {
  await using server = await serverFor();
  await watch(fleet, "acme", "changed", mailboxOn(place(server), help));
  const { tried } = server.logins;
  server.setPassword("another");
  server.bye("your password was changed");
  await reachesState(fleet, "acme", "changed", "quarantined");
  expect(server.logins.tried).toBe(tried + 1);
});

test("a server whose UIDNEXT and counts are wrong, or absent, loses and doubles nothing", async () => {
  await using server = await serverFor();
  for (const [n, lies] of [{ uidNext: null }, { uidNext: 1 }, { uidNext: 4_000 }, { exists: 0 }].entries()) {
    server.lies(lies);
    await watch(fleet, "acme", "liar", mailboxOn(place(server), help));
    server.append(letter(`lie ${n}`));
    await storiesIn(fleet, "acme", "liar", n + 1);
    server.bye("again");
    await server.idling();
  }
  const all = await storiesIn(fleet, "acme", "liar", 4);
  expect(all.map(({ state }) => state)).toEqual(Array(4).fill("answered"));
  await until("each answer is there", () => [...all.keys()].every((n) => answersTo(`lie ${n}`) > 0));
  for (const n of all.keys()) expect(answersTo(`lie ${n}`)).toBe(1);
});

test("what a server leaves out of SEARCH and FETCH is found once it shows it, and others do not wait for it", async () => {
  await using server = await serverFor();
  await watch(fleet, "acme", "hiding", mailboxOn(place(server), help));
  server.lies({ unfound: [1], unfetched: [2] });
  for (const subject of ["not found", "not fetched", "shown"]) server.append(letter(subject));
  expect(await storiesIn(fleet, "acme", "hiding", 1)).toMatchObject([{ subject: "shown", state: "answered" }]);
  server.behaves();
  // As it is after an hour, when the folder is looked through.
  await fleet.store.db.query(
    `update mailfleet.mailbox_positions p set reconciled_at = now() - interval '3 hours'
     from mailfleet.mailboxes m where m.uid = p.mailbox_uid and m.id = 'hiding'`,
  );
  server.cut();
  const all = await storiesIn(fleet, "acme", "hiding", 3);
  expect(all.map(({ state }) => state)).toEqual(Array(3).fill("answered"));
});

test("a message that is too much for the connection is recorded as unreadable, and others are answered", async () => {
  await using server = await serverFor();
  await watch(fleet, "acme", "monstrous", mailboxOn(place(server), help));
  server.lies({ literalBytes: 20_000_000, ignoresPartial: true });
  server.append(letter("a monster"));
  const [monster] = await storiesIn(fleet, "acme", "monstrous", 1, undefined, 60_000);
  expect(monster).toMatchObject({ state: "skipped" });
  expect(["unreadable", "too_large"]).toContain(monster?.reason);
  server.behaves();
  server.append(letter("after the monster"));
  const [next] = await storiesIn(fleet, "acme", "monstrous", 2, undefined, 60_000);
  expect(next).toMatchObject({ subject: "after the monster", state: "answered" });
}, 120_000);
