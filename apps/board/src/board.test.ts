import { expect, test } from "vitest";
import { adminToken, openBoard } from "./testing/open-board.ts";

const queue = "mailfleet-turns";
const form = { "content-type": "application/x-www-form-urlencoded" };

test("nothing but the login page is shown without the admin token", async () => {
  await using board = await openBoard();
  const paths = ["/", "/queues/", "/queues/api/queues", "/queues/static/favicon.ico", "/accounts/1", "/nothing"];
  for (const path of paths) {
    expect((await fetch(board.url + path, { redirect: "manual" })).status, path).toBe(401);
    const wrong = { authorization: "Bearer another-token-altogether" };
    expect((await fetch(board.url + path, { headers: wrong })).status, path).toBe(401);
  }
  const page = await fetch(`${board.url}/queues/`, { headers: { accept: "text/html" }, redirect: "manual" });
  expect([page.status, page.headers.get("location")]).toEqual([303, "/login?to=%2Fqueues%2F"]);
  expect((await board.ask("/queues/api/queues")).status).toBe(200);
});

test("the login page opens a session that scripts and other sites cannot use", async () => {
  await using board = await openBoard();
  const logIn = (token: string, to: string) =>
    fetch(`${board.url}/login`, {
      method: "POST",
      headers: { ...form, origin: board.url },
      body: new URLSearchParams({ token, to }).toString(),
      redirect: "manual",
    });
  expect((await logIn("wrong", "/queues/")).status).toBe(401);
  for (const elsewhere of ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]) {
    expect((await logIn(adminToken, elsewhere)).headers.get("location")).toBe("/");
  }

  const answer = await logIn(adminToken, "/queues/");
  expect([answer.status, answer.headers.get("location")]).toEqual([303, "/queues/"]);
  const cookie = answer.headers.get("set-cookie")!;
  expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
  expect(cookie).not.toContain(adminToken);

  const session = cookie.split(";")[0]!;
  expect((await fetch(`${board.url}/queues/api/queues`, { headers: { cookie: session } })).status).toBe(200);
  const forged = session.replace(/=\d+/, `=${Date.now() + 10 ** 12}`);
  expect((await fetch(`${board.url}/queues/api/queues`, { headers: { cookie: forged } })).status).toBe(401);
});

test("an address that guesses tokens is not listened to for a while", async () => {
  await using board = await openBoard();
  const guess = (token: string) => fetch(`${board.url}/queues/`, { headers: { authorization: `Bearer ${token}` } });
  for (let i = 0; i < 10; i++) expect((await guess(`guess-${i}`)).status).toBe(401);
  expect((await guess(adminToken)).status).toBe(429);
});

test("queues cannot be changed unless the operator has said so", async () => {
  await using board = await openBoard();
  const pause = await board.ask(`/queues/api/queues/${queue}/pause`, { method: "PUT" });
  expect(pause.status).toBe(403);
  expect(await board.queues[0]!.isPaused()).toBe(false);
});

test("a change that another site asks a browser for is refused, and one from the board's pages is logged", async () => {
  await using board = await openBoard({ writable: true });
  const answer = await fetch(`${board.url}/login`, {
    method: "POST",
    headers: { ...form, origin: board.url },
    body: new URLSearchParams({ token: adminToken }).toString(),
    redirect: "manual",
  });
  const cookie = answer.headers.get("set-cookie")!.split(";")[0]!;
  const pause = (headers: Record<string, string>) =>
    fetch(`${board.url}/queues/api/queues/${queue}/pause`, { method: "PUT", headers: { cookie, ...headers } });

  expect((await pause({ origin: "https://evil.example" })).status).toBe(403);
  expect((await pause({ origin: "null" })).status).toBe(403);
  expect((await pause({})).status).toBe(403);
  expect(await board.queues[0]!.isPaused()).toBe(false);

  expect((await pause({ origin: board.url })).status).toBe(200);
  expect(await board.queues[0]!.isPaused()).toBe(true);
  expect(board.lines.some((line) => line.includes("board_change") && line.includes(`/${queue}/pause`))).toBe(true);
});

test("a job shows ids, and neither addresses nor content, whatever a producer put into it", async () => {
  await using board = await openBoard();
  const turns = board.queues[0]!;
  const job = await turns.add(
    "turn",
    { accountUid: "17", lane: 0, to: "bob@example.org", deep: { body: "dear bob" }, "eve@example.org": 1 },
    { jobId: "17~0~x", deduplication: { id: "carol@example.org" } },
  );
  await job.log("sent to dave@example.org");
  await job.updateProgress({ recipient: "dave@example.org" });

  const bodies = await Promise.all(
    [
      `/queues/api/queues?activeQueue=${queue}&status=latest&page=1&jobsPerPage=10`,
      `/queues/api/queues/${queue}/${encodeURIComponent("17~0~x")}`,
      `/queues/api/queues/${queue}/${encodeURIComponent("17~0~x")}/logs`,
      "/queues/api/job-schedulers",
    ].map(async (path) => {
      const answer = await board.ask(path);
      expect(answer.status, path).toBe(200);
      return answer.text();
    }),
  );
  expect(bodies[0]).toContain('"accountUid":"17"');
  expect(bodies[0]).toContain('"href":"/accounts/17"');
  for (const body of bodies) {
    for (const word of ["bob", "carol", "dave", "eve"]) expect(body).not.toContain(word);
  }
});

test("a turn's link shows its account: tenant, block, lanes and counts, and no secret or address", async () => {
  await using board = await openBoard();
  await board.database.query("insert into mailfleet.tenants (id) values ('acme')");
  const [account] = await board.database.query<{ uid: number }>(
    `insert into mailfleet.accounts (tenant_id, id, settings, secrets) values ('acme', 'main', '{"host": "mx.test"}', 'sealed') returning uid`,
  );
  await board.database.query(
    `insert into mailfleet.queue_keys (tenant_id, account_uid, blocked_until, block_status, block_reason, failures)
     values ('acme', $1, now() + interval '1 hour', '5.7.8', 'no login for <postmaster@acme.test>', 3)`,
    [account!.uid],
  );
  const answer = await board.ask(`/accounts/${account!.uid}`);
  const text = await answer.text();
  expect(answer.status).toBe(200);
  for (const word of ["acme", "main", "5.7.8", "0 of 5", "no login for &lt;[address]&gt;"])
    expect(text).toContain(word);
  for (const word of ["sealed", "postmaster"]) expect(text).not.toContain(word);

  expect((await board.ask("/accounts/999999")).status).toBe(404);
  expect((await board.ask("/accounts/1%27--")).status).toBe(404);
});

test("with Redis away the board answers, and it shows queues again when Redis is back", async () => {
  await using board = await openBoard();
  await board.redis.stop();
  expect((await board.ask("/login")).status).toBe(200);
  expect((await board.ask("/accounts/1")).status).toBe(404);
  expect((await board.ask("/queues/api/queues")).status).toBeGreaterThanOrEqual(500);
  await board.redis.start();
  await expect.poll(async () => (await board.ask("/queues/api/queues")).status, { timeout: 10_000 }).toBe(200);
});
