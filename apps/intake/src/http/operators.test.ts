import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adminToken, type RunningIntake, runIntake } from "./testing/running-intake.ts";

let running: RunningIntake;
let key: string;

beforeAll(async () => {
  running = await runIntake();
  ({ key } = await running.makeTenant("acme"));
});
afterAll(() => running[Symbol.asyncDispose]());

const account = { host: "127.0.0.1", port: 2525, security: "none", allowClearTextAuth: true };
const hello = { from: "ann@acme.test", to: "bob@peer.test", text: "Hi" };

describe("tenants", () => {
  test("an empty body makes a tenant with defaults; the second PUT replaces", async () => {
    const made = await running.ask("PUT", "/v1/tenants/new");
    expect([made.status, made.body.state, made.body.suspendedBatches]).toEqual([201, "active", []]);
    const put = await running.ask("PUT", "/v1/tenants/new", { body: { allowedSenders: ["@NEW.test"] } });
    expect([put.status, put.body.allowedSenders]).toEqual([200, ["@new.test"]]);
    const again = await running.ask("PUT", "/v1/tenants/new", { body: {} });
    expect(again.body.allowedSenders).toBeUndefined();
    expect((await running.ask("GET", "/v1/tenants/new")).body).toEqual(again.body);
    expect((await running.ask("DELETE", "/v1/tenants/new")).status).toBe(204);
    expect((await running.ask("GET", "/v1/tenants/new")).body.code).toBe("tenant_not_found");
  });

  test("lists go on where the page before ended", async () => {
    for (const id of ["page-1", "page-2", "page-3"]) await running.ask("PUT", `/v1/tenants/${id}`);
    const seen: string[] = [];
    let cursor: string | null = "";
    do {
      const { body } = await running.ask("GET", `/v1/tenants?limit=1${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual([...new Set(seen)].sort());
    expect(seen).toEqual(expect.arrayContaining(["page-1", "page-2", "page-3"]));
    expect((await running.ask("GET", "/v1/tenants?cursor=nonsense")).body.code).toBe("bad_cursor");
  });

  test("one with unfinished mail is not deleted", async () => {
    const busy = await running.makeTenant("busy");
    await running.ask("POST", "/v1/messages", { key: busy.key, body: { ...hello, id: "m" } });
    expect((await running.ask("DELETE", "/v1/tenants/busy")).body.code).toBe("tenant_has_mail");
    const blocked = await running.ask("DELETE", "/v1/accounts/main", { key: busy.key });
    expect([blocked.status, blocked.body.code]).toEqual([409, "account_has_mail"]);
    await running.ask("DELETE", "/v1/messages/m", { key: busy.key });
    expect((await running.ask("DELETE", "/v1/accounts/main", { key: busy.key })).status).toBe(204);
  });

  test("a batch can be suspended by itself", async () => {
    const { body } = await running.ask("POST", "/v1/tenants/acme/suspend", { body: { batch: "spring" } });
    expect(body).toMatchObject({ state: "active", suspendedBatches: ["spring"] });
    const after = await running.ask("POST", "/v1/tenants/acme/activate", { body: { batch: "spring" } });
    expect(after.body.suspendedBatches).toEqual([]);
  });
});

describe("keys", () => {
  test("a key does what its scopes say, is shown once, and is worth nothing once it is deleted", async () => {
    const made = await running.ask("POST", "/v1/tenants/acme/keys", { body: { scopes: ["read"], label: "reader" } });
    expect([made.status, made.body.scopes]).toEqual([201, ["read"]]);
    const reader = made.body.key as string;
    expect((await running.ask("GET", "/v1/messages", { key: reader })).status).toBe(200);
    const refused = await running.ask("POST", "/v1/messages", { key: reader, body: hello });
    expect([refused.status, refused.body.code]).toEqual([403, "forbidden"]);
    const listed = await running.ask("GET", "/v1/tenants/acme/keys");
    expect(JSON.stringify(listed.body)).not.toContain(reader);
    expect((await running.ask("DELETE", `/v1/tenants/acme/keys/${made.body.id}`)).status).toBe(204);
    expect((await running.ask("GET", "/v1/messages", { key: reader })).status).toBe(401);
  });

  const bad: readonly (readonly [unknown, string, string])[] = [
    [{ scopes: "read" }, "/scopes", "wrong_type"],
    [{ scopes: [] }, "/scopes", "too_few"],
    [{ scopes: ["root"] }, "/scopes/0", "bad_value"],
    [{ label: "a\nb" }, "/label", "control_character"],
    [{ label: "x".repeat(201) }, "/label", "too_long"],
    [{ expiresAt: "soon" }, "/expiresAt", "bad_format"],
    [{ key: "mf_mine" }, "/key", "unknown_field"],
  ];
  test.each(bad)("%j is refused", async (body, path, code) => {
    const answer = await running.ask("POST", "/v1/tenants/acme/keys", { body });
    expect([answer.status, answer.body.errors]).toMatchObject([400, [{ path, code }]]);
  });
});

describe("accounts", () => {
  const put = (id: string, body: unknown) => running.ask("PUT", `/v1/accounts/${id}`, { key, body });

  test("a secret is never shown, is kept where it is left out, and cleared by null", async () => {
    const made = await put("login", { ...account, auth: { user: "u", pass: "hunter2" } });
    expect([made.status, made.body.secrets.pass, made.body.auth]).toEqual([201, true, { user: "u" }]);
    expect(JSON.stringify(made.body)).not.toContain("hunter2");
    const kept = await put("login", { ...account, auth: { user: "u" } });
    expect([kept.status, kept.body.secrets.pass]).toEqual([200, true]);
    const cleared = await put("login", { ...account, auth: { user: "u", pass: null } });
    expect(cleared.body.secrets.pass).toBe(false);
    expect((await running.ask("GET", "/v1/accounts/login", { key })).body).toEqual(cleared.body);
  });

  test("a stored login goes to no other next hop and no other issuer: it is asked for again", async () => {
    await put("moves", { ...account, auth: { user: "u", pass: "hunter2" } });
    const moved = await put("moves", { ...account, host: "evil.test", auth: { user: "u" } });
    expect([moved.status, moved.body.errors]).toMatchObject([400, [{ path: "/auth/pass", code: "secret_required" }]]);
    expect((await running.ask("GET", "/v1/accounts/moves", { key })).body.host).toBe(account.host);
    const oauth2 = { user: "u", tokenUrl: "https://id.peer.test/", clientId: "c" };
    await put("moves", { ...account, auth: { oauth2: { ...oauth2, clientSecret: "s", refreshToken: "r" } } });
    const other = await put("moves", { ...account, auth: { oauth2: { ...oauth2, tokenUrl: "https://evil.test/" } } });
    expect(other.body.errors).toMatchObject([
      { path: "/auth/oauth2/clientSecret", code: "secret_required" },
      { path: "/auth/oauth2/refreshToken", code: "secret_required" },
    ]);
  });

  test("everything that can be set comes back as it was set", async () => {
    const settings = {
      host: "smtp.peer.test",
      security: "starttls",
      auth: { oauth2: { user: "u", tokenUrl: "https://id.peer.test/token", clientId: "c", clientSecret: "s" } },
      maxConnections: 3,
      limits: { perMinute: 60, perDomain: { "PEER.test": { perHour: 5 }, "*": { perDay: 9 } }, behavior: "defer" },
      retry: { base: "10s", factor: 3, max: "1h30m", maxAttempts: 7, giveUpAfter: "2d" },
      bounces: { mode: "verp", domain: "bounce.acme.test" },
      nullReversePath: "noreply@acme.test",
      allowClearTextAuth: false,
      ehloName: "out.acme.test",
      allowedSenders: ["@acme.test"],
    };
    const { body } = await put("full", settings);
    expect(body).toMatchObject({
      ...settings,
      port: 587,
      auth: { oauth2: { user: "u", tokenUrl: "https://id.peer.test/token", clientId: "c" } },
      limits: { perMinute: 60, perDomain: { "peer.test": { perHour: 5 }, "*": { perDay: 9 } }, behavior: "defer" },
    });
    expect(JSON.stringify(body)).not.toContain('"s"');
  });

  test("a login that would travel in clear text is refused unless that is allowed", async () => {
    const login = { ...account, auth: { user: "u", pass: "p" } };
    for (const allowClearTextAuth of [undefined, false]) {
      const { status, body } = await put("clear", { ...login, allowClearTextAuth });
      expect([status, body.errors]).toMatchObject([400, [{ path: "/allowClearTextAuth", code: "required" }]]);
    }
    expect((await put("clear", { ...account, allowClearTextAuth: undefined })).status).toBe(201);
    expect((await put("clear", login)).status).toBe(200);
  });

  test("a DKIM key that can sign is stored, and kept; one that cannot is refused", async () => {
    const privateKey = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({
      type: "pkcs8",
      format: "pem",
    });
    const dkim = { domain: "acme.test", selector: "s1" };
    const made = await put("signed", { ...account, dkim: { ...dkim, privateKey } });
    expect([made.status, made.body.dkim, made.body.secrets.dkim]).toEqual([201, [dkim], ["s1._domainkey.acme.test"]]);
    expect((await put("signed", { ...account, dkim: [dkim] })).body.secrets.dkim).toEqual(["s1._domainkey.acme.test"]);
    const bad = await put("signed", { ...account, dkim: { ...dkim, privateKey: "nonsense" } });
    expect([bad.status, bad.body.errors]).toMatchObject([400, [{ path: "/dkim/0/privateKey", code: "bad_dkim_key" }]]);
    const none = await put("signed", { ...account, dkim: [{ ...dkim, selector: "s2" }] });
    expect(none.body.errors).toMatchObject([{ path: "/dkim/0/privateKey", code: "secret_required" }]);
    const cleared = await put("signed", { ...account, dkim: { ...dkim, privateKey: null } });
    expect(cleared.body.errors).toMatchObject([{ code: "secret_required" }]);
  });

  test("verify tells how far the next hop lets us in", async () => {
    await put("nowhere", { ...account, host: "127.0.0.1", port: 1 });
    const { status, body } = await running.ask("POST", "/v1/accounts/nowhere/verify", { key });
    expect([status, body.ok]).toEqual([200, false]);
    expect(body.steps.at(-1)).toMatchObject({ step: "connect", ok: false });
    const missing = await running.ask("POST", "/v1/accounts/missing/verify", { key });
    expect(missing.body.code).toBe("account_not_found");
  });

  const bad: readonly (readonly [field: string, value: unknown, path: string, code: string])[] = [
    ["host", undefined, "/host", "required"],
    ["host", 1, "/host", "wrong_type"],
    ["host", "", "/host", "bad_format"],
    ["host", "a b", "/host", "bad_format"],
    ["host", "evil.test/path", "/host", "bad_format"],
    ["host", "a\r\nb", "/host", "bad_format"],
    ["host", "x".repeat(10_000_000), "/host", "too_long"],
    ["port", "25", "/port", "wrong_type"],
    ["port", 0, "/port", "too_small"],
    ["port", 65_536, "/port", "too_large"],
    ["port", 1.5, "/port", "wrong_type"],
    ["security", "ssl", "/security", "bad_value"],
    ["auth", "u:p", "/auth", "wrong_type"],
    ["auth", {}, "/auth/user", "required"],
    ["auth", { user: "u", pass: 1 }, "/auth/pass", "wrong_type"],
    ["auth", { user: "u\n", pass: "p" }, "/auth/user", "control_character"],
    ["auth", { user: "u", pass: "x".repeat(1_025) }, "/auth/pass", "too_long"],
    ["auth", { user: "u", pass: "p", token: 1 }, "/auth/token", "unknown_field"],
    ["dkim", 1, "/dkim", "wrong_type"],
    ["dkim", { domain: "a_b", selector: "s" }, "/dkim/domain", "address_bad_domain"],
    ["dkim", { domain: "a.test", selector: "s!" }, "/dkim/selector", "bad_format"],
    ["dkim", new Array(51).fill({ domain: "a.test", selector: "s" }), "/dkim", "too_many"],
    ["maxConnections", 0, "/maxConnections", "too_small"],
    ["maxConnections", 1_001, "/maxConnections", "too_large"],
    ["maxConnections", "5", "/maxConnections", "wrong_type"],
    ["limits", 1, "/limits", "wrong_type"],
    ["limits", { perSecond: 1 }, "/limits/perSecond", "unknown_field"],
    ["limits", { perMinute: 0 }, "/limits/perMinute", "too_small"],
    ["limits", { perHour: "1" }, "/limits/perHour", "wrong_type"],
    ["limits", { perDay: 1e12 }, "/limits/perDay", "too_large"],
    ["limits", { behavior: "drop" }, "/limits/behavior", "bad_value"],
    ["limits", { perDomain: { "a b": {} } }, "/limits/perDomain", "address_bad_domain"],
    ["limits", { perDomain: { "a.test": { per: 1 } } }, "/limits/perDomain/a.test/per", "unknown_field"],
    ["retry", { base: 5 }, "/retry/base", "wrong_type"],
    ["retry", { base: "soon" }, "/retry/base", "bad_duration"],
    ["retry", { max: "99999d" }, "/retry/max", "duration_too_long"],
    ["retry", { factor: 0.5 }, "/retry/factor", "too_small"],
    ["retry", { maxAttempts: 0 }, "/retry/maxAttempts", "too_small"],
    ["retry", { giveUpAfter: "1x" }, "/retry/giveUpAfter", "bad_duration"],
    ["retry", { jitter: 1 }, "/retry/jitter", "unknown_field"],
    ["bounces", { mode: "none" }, "/bounces/mode", "bad_value"],
    ["bounces", { mode: "verp" }, "/bounces/domain", "required"],
    ["bounces", { mode: "fixed" }, "/bounces/address", "required"],
    ["nullReversePath", "nobody", "/nullReversePath", "address_without_at"],
    ["lmtp", "yes", "/lmtp", "wrong_type"],
    ["allowClearTextAuth", 1, "/allowClearTextAuth", "wrong_type"],
    ["caPem", 1, "/caPem", "wrong_type"],
    ["caPem", "my authority", "/caPem", "bad_value"],
    ["caPem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "/caPem", "bad_value"],
    ["allowInvalidCertificate", 1, "/allowInvalidCertificate", "wrong_type"],
    ["ehloName", "a b", "/ehloName", "address_bad_domain"],
    ["allowedSenders", ["nobody"], "/allowedSenders/0", "address_without_at"],
    ["password", "x", "/password", "unknown_field"],
  ];
  test.each(bad)("%s %# is refused, and nothing is stored", async (field, value, path, code) => {
    const { status, body, durationMs } = await put("bad", { ...account, [field]: value });
    expect([status, body.errors]).toMatchObject([400, [{ path, code }]]);
    expect(durationMs).toBeLessThan(1_000);
    expect((await running.ask("GET", "/v1/accounts/bad", { key })).status).toBe(404);
  });
});

describe("suppressions", () => {
  test("an address is suppressed whatever its spelling, and let go again", async () => {
    const path = `/v1/suppressions/${encodeURIComponent("Bob+x@PEER.test")}`;
    const made = await running.ask("PUT", path, { key, body: { reason: "complaint", note: "called" } });
    expect([made.status, made.body.address]).toEqual([201, "bob+x@peer.test"]);
    expect((await running.ask("GET", "/v1/suppressions/bob+x@peer.test", { key })).body.reason).toBe("complaint");
    expect((await running.ask("GET", "/v1/suppressions", { key })).body.items).toHaveLength(1);
    expect((await running.ask("DELETE", path, { key })).status).toBe(204);
    expect((await running.ask("DELETE", path, { key })).body.code).toBe("suppression_not_found");
  });

  test("what is no address, or no reason, is refused", async () => {
    const bad = await running.ask("PUT", "/v1/suppressions/nobody", { key });
    expect([bad.status, bad.body.errors]).toMatchObject([400, [{ path: "/address", code: "address_without_at" }]]);
    const reason = await running.ask("PUT", "/v1/suppressions/a@b.test", { key, body: { reason: "Because!" } });
    expect(reason.body.errors).toMatchObject([{ path: "/reason", code: "bad_format" }]);
  });
});

describe("operations", () => {
  test("stats count what waits, of one tenant or of all", async () => {
    const own = await running.makeTenant("counted");
    await running.ask("POST", "/v1/messages", { key: own.key, body: { ...hello, to: ["a@b.test", "b@b.test"] } });
    const { body } = await running.ask("GET", "/v1/stats", { key: own.key });
    expect(body.deliveries).toMatchObject({ pending: 2, sent: 0, dead_lettered: 0 });
    expect(body.attempts).toEqual({ success: 0, transient_error: 0, permanent_error: 0, in_doubt: 0 });
    expect(body.accounts).toEqual([
      { id: "main", tenantId: "counted", blockedUntil: null, reason: null, lanesInUse: 0 },
    ]);
    const all = await running.ask("GET", "/v1/stats");
    expect(all.body.deliveries.pending).toBeGreaterThanOrEqual(2);
    expect((await running.ask("GET", "/v1/scale/dispatch")).body.value).toBeGreaterThanOrEqual(2);
    expect((await running.ask("GET", "/v1/scale/nothing")).body.code).toBe("pool_not_found");
  });

  test("dispatch/run wakes the accounts that have mail due, and no other", async () => {
    const own = await running.makeTenant("woken");
    const idle = await running.ask("POST", "/v1/dispatch/run", { key: own.key });
    expect([idle.status, idle.body]).toEqual([202, { accounts: 0 }]);
    await running.ask("POST", "/v1/messages", { key: own.key, body: hello });
    expect((await running.ask("POST", "/v1/dispatch/run", { key: own.key })).body).toEqual({ accounts: 1 });
  });

  test("who had something done is on record", async () => {
    await running.ask("PUT", "/v1/tenants/logged", {});
    const { body } = await running.ask("GET", "/v1/command-log", { tenant: "logged" });
    expect(body.items).toMatchObject([{ actor: "admin", command: "tenant.put", target: "logged", tenantId: "logged" }]);
  });
});

test("tenants neither see nor touch one another", async () => {
  const other = await running.makeTenant("other");
  const sent = await running.ask("POST", "/v1/messages", { key, body: { ...hello, id: "private" } });
  const delivery = sent.body.deliveries[0].id;
  await running.ask("PUT", "/v1/accounts/mine", { key, body: account });
  const as = { key: other.key };
  for (const [method, path] of [
    ["GET", "/v1/messages/private"],
    ["DELETE", "/v1/messages/private"],
    ["GET", `/v1/deliveries/${delivery}`],
    ["POST", `/v1/deliveries/${delivery}/resend`],
    ["GET", "/v1/accounts/mine"],
    ["DELETE", "/v1/accounts/mine"],
    ["POST", "/v1/accounts/mine/verify"],
  ] as const) {
    expect([path, (await running.ask(method, path, as)).status]).toEqual([path, 404]);
  }
  const release = await running.ask("POST", `/v1/deliveries/${delivery}/release`, {
    ...as,
    body: { action: "cancel" },
  });
  expect(release.status).toBe(404);
  for (const path of ["/v1/messages", "/v1/deliveries", "/v1/dead-letters", "/v1/suppressions"]) {
    expect([path, (await running.ask("GET", path, as)).body.items]).toEqual([path, []]);
  }
  // The same id is free to every tenant.
  expect((await running.ask("POST", "/v1/messages", { ...as, body: { ...hello, id: "private" } })).status).toBe(202);
  // Neither the header nor the admin's routes open another tenant's house, whether that tenant exists or not.
  for (const tenant of ["acme", "nonexistent"]) {
    const named = await running.ask("GET", "/v1/messages", { ...as, tenant });
    const shown = await running.ask("GET", `/v1/tenants/${tenant}`, as);
    expect([named.status, named.body.code, shown.status, shown.body.code]).toEqual([
      403,
      "forbidden",
      403,
      "forbidden",
    ]);
  }
});

describe("who may come in", () => {
  test("no key, a wrong one and a malformed one are answered alike", async () => {
    const wrong = ["", "mf_wrong", `mf_${"x".repeat(59)}`, `${adminToken}x`, "x".repeat(2_000)];
    const answers = await Promise.all(
      wrong.map((one) => running.ask("GET", "/v1/messages", { key: one, tenant: "acme" })),
    );
    for (const { status, body, headers } of answers) {
      expect([status, body.code, headers.get("www-authenticate")]).toEqual([
        401,
        "unauthorized",
        'Bearer realm="mailfleet"',
      ]);
      expect(body).toEqual(answers[0]?.body);
    }
  });

  test("a hundred wrong keys are answered slower and slower, and a good key from the same address passes", async () => {
    const wrong = Array.from({ length: 100 }, (_, i) => running.ask("GET", "/v1/messages", { key: `mf_${i}` }));
    const last = (await Promise.all(wrong)).at(-1);
    expect([last?.status, (last?.durationMs ?? 0) > 500]).toEqual([401, true]);
    expect((await running.ask("GET", "/v1/messages", { key })).status).toBe(200);
  });

  test("the admin must name a tenant that is there", async () => {
    expect((await running.ask("GET", "/v1/messages")).body.code).toBe("tenant_required");
    expect((await running.ask("GET", "/v1/messages", { tenant: "nonexistent" })).body.code).toBe("tenant_not_found");
    expect((await running.ask("GET", "/v1/messages", { tenant: "a b" })).body.code).toBe("tenant_not_found");
    expect((await running.ask("GET", "/v1/messages", { tenant: "acme" })).status).toBe(200);
  });
});

describe("requests that fit no route or no parameter", () => {
  const bad: readonly (readonly [string, string, number, string])[] = [
    ["GET", "/v1/nothing", 404, "route_not_found"],
    ["PATCH", "/v1/messages", 404, "route_not_found"],
    ["GET", "/v1/messages/a%20b", 400, "invalid_request"],
    ["GET", "/v1/messages/a%00b", 400, "invalid_request"],
    ["GET", "/v1/messages/%ff", 400, "malformed_request"],
    ["GET", `/v1/messages/${"x".repeat(129)}`, 400, "invalid_request"],
    ["GET", `/v1/messages/${"x".repeat(2_000)}`, 400, "malformed_request"],
    ["GET", "/v1/messages?limit=0", 400, "invalid_request"],
    ["GET", "/v1/messages?limit=201", 400, "invalid_request"],
    ["GET", "/v1/messages?limit=ten", 400, "invalid_request"],
    ["GET", "/v1/messages?state=sent", 400, "invalid_request"],
    ["GET", "/v1/messages?nope=1", 400, "invalid_request"],
    ["GET", "/v1/messages?after=yesterday", 400, "invalid_request"],
    ["GET", "/v1/messages?recipient=nobody", 400, "invalid_request"],
    ["GET", "/v1/messages?batch=a&batch=b", 400, "invalid_request"],
    ["GET", "/v1/messages?cursor=%00", 400, "bad_cursor"],
    ["GET", "/v1/deliveries?state=lost", 400, "invalid_request"],
    ["GET", "/v1/deliveries/nonsense", 404, "delivery_not_found"],
    ["POST", "/v1/deliveries/nonsense/resend", 404, "delivery_not_found"],
    ["GET", "/v1/dead-letters?tag=", 400, "invalid_request"],
  ];
  test.each(bad)("%s %s is %i %s", async (method, path, status, code) => {
    const answer = await running.ask(method, path, { key });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});
