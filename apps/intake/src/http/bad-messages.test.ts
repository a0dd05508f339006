import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningIntake, runIntake } from "./testing/running-intake.ts";

let running: RunningIntake;
let key: string;

beforeAll(async () => {
  running = await runIntake();
  ({ key } = await running.makeTenant("acme"));
});
afterAll(() => running[Symbol.asyncDispose]());

const good = { from: "ann@acme.test", to: "bob@peer.test", subject: "Hello", text: "Hi" };
const long = "x".repeat(10_000_000);
const injection = "b@b.test\r\nBcc: evil@x.test";

/** What each field must not be, the path that the answer names, and its code. */
const badFields: readonly (readonly [field: string, value: unknown, path: string, code: string])[] = [
  ["id", 7, "/id", "wrong_type"],
  ["id", "", "/id", "bad_format"],
  ["id", "a b", "/id", "bad_format"],
  ["id", "a\u0000", "/id", "bad_format"],
  ["id", "x".repeat(129), "/id", "too_long"],
  ["id", long, "/id", "too_long"],
  ["account", ["main"], "/account", "wrong_type"],
  ["account", "no/slash", "/account", "bad_format"],
  ["account", long, "/account", "too_long"],
  ["from", undefined, "/from", "required"],
  ["from", null, "/from", "wrong_type"],
  ["from", 7, "/from", "wrong_type"],
  ["from", ["ann@acme.test"], "/from", "wrong_type"],
  ["from", "", "/from", "address_empty"],
  ["from", "nobody", "/from", "address_without_at"],
  ["from", "ann@acme.test, eve@acme.test", "/from", "mailbox_malformed"],
  ["from", `ann@acme.test\nTo: evil@x.test`, "/from", "address_control_character"],
  ["from", long, "/from", "too_long"],
  ["from", { address: "ann@acme.test", mail: "x" }, "/from/mail", "unknown_field"],
  ["from", { name: "Ann" }, "/from/address", "required"],
  ["from", { name: "Ann\r\nBcc: e@x.test", address: "ann@acme.test" }, "/from/name", "control_character"],
  ["from", { name: "Ann", address: "ann@acme.test>" }, "/from", "mailbox_malformed"],
  ["from", { name: long, address: "ann@acme.test" }, "/from/name", "too_long"],
  ["to", undefined, "/to", "no_recipients"],
  ["to", [], "/to", "no_recipients"],
  ["to", 7, "/to", "wrong_type"],
  ["to", [7], "/to/0", "wrong_type"],
  ["to", ["bob@peer.test", ["eve@peer.test"]], "/to/1", "wrong_type"],
  ["to", injection, "/to/0", "address_control_character"],
  ["to", [injection], "/to/0", "address_control_character"],
  ["to", { address: injection }, "/to/0", "address_control_character"],
  ["to", "bob@peer.test\u0000", "/to/0", "address_control_character"],
  ["to", "bob@-peer-.test", "/to/0", "address_bad_domain"],
  ["to", `${"b".repeat(65)}@peer.test`, "/to/0", "address_local_too_long"],
  ["to", long, "/to", "too_long"],
  ["to", new Array(1_001).fill("bob@peer.test"), "/to", "too_many"],
  ["to", Array.from({ length: 100_000 }, (_, i) => `b${i}@peer.test`), "/to", "too_many"],
  ["cc", false, "/cc", "wrong_type"],
  ["cc", injection, "/cc/0", "address_control_character"],
  ["cc", Array.from({ length: 1_000 }, (_, i) => `b${i}@peer.test`), "/to", "too_many_recipients"],
  ["bcc", {}, "/bcc/address", "required"],
  ["bcc", injection, "/bcc/0", "address_control_character"],
  ["bcc", Array.from({ length: 100_000 }, (_, i) => `b${i}@peer.test`), "/bcc", "too_many"],
  ["replyTo", 1, "/replyTo", "wrong_type"],
  ["replyTo", injection, "/replyTo/0", "address_control_character"],
  ["replyTo", new Array(51).fill("a@acme.test"), "/replyTo", "too_many"],
  ["returnPath", 1, "/returnPath", "wrong_type"],
  ["returnPath", "", "/returnPath", "address_empty"],
  ["returnPath", injection, "/returnPath", "address_control_character"],
  ["returnPath", "<a@acme.test>", "/returnPath", "address_bad_local"],
  ["returnPath", long, "/returnPath", "too_long"],
  ["subject", 1, "/subject", "wrong_type"],
  ["subject", "Hi\r\nBcc: evil@x.test", "/subject", "control_character"],
  ["subject", "Hi\u0000", "/subject", "control_character"],
  ["subject", "\ud800", "/subject", "control_character"],
  ["subject", "x".repeat(999), "/subject", "too_long"],
  ["subject", long, "/subject", "too_long"],
  ["text", ["Hi"], "/text", "wrong_type"],
  ["text", null, "/text", "wrong_type"],
  ["text", "\udc00", "/text", "malformed_text"],
  ["html", 0, "/html", "wrong_type"],
  ["html", "<p>\ud800", "/html", "malformed_text"],
  ["template", { id: "welcome" }, "/template", "unsupported_field"],
  ["inReplyTo", { inbound: "x" }, "/inReplyTo/inbound", "inbound_not_found"],
  ["headers", "X-A: b", "/headers", "wrong_type"],
  ["headers", ["X-A: b"], "/headers", "wrong_type"],
  ["headers", { "X-A": 1 }, "/headers/X-A", "wrong_type"],
  ["headers", { "X-A": "b\r\nBcc: evil@x.test" }, "/headers/X-A", "control_character"],
  ["headers", { "X-A": "b\u0000" }, "/headers/X-A", "control_character"],
  ["headers", { "X A": "b" }, "/headers/X A", "bad_header_name"],
  ["headers", { "X-A\r\nBcc": "evil@x.test" }, "/headers/X-A\r\nBcc", "bad_header_name"],
  ["headers", { Bcc: "evil@x.test" }, "/headers/Bcc", "reserved_header"],
  ["headers", { "Content-Type": "text/plain" }, "/headers/Content-Type", "reserved_header"],
  ["headers", { "X-A": long }, "/headers/X-A", "too_long"],
  ["headers", { "X-A": new Array(101).fill("b") }, "/headers/X-A", "too_many"],
  ["headers", { "In-Reply-To": "no brackets" }, "/inReplyTo", "bad_message_id"],
  ["attachments", {}, "/attachments", "wrong_type"],
  ["attachments", ["x"], "/attachments/0", "wrong_type"],
  ["attachments", [{}], "/attachments/0/content", "required"],
  ["attachments", [{ content: 7 }], "/attachments/0/content", "wrong_type"],
  ["attachments", [{ content: "not base64" }], "/attachments/0/content", "bad_base64"],
  ["attachments", [{ content: "aGk=", path: "/etc/passwd" }], "/attachments/0/path", "unknown_field"],
  ["attachments", [{ content: "aGk=", href: "http://x.test" }], "/attachments/0/href", "unknown_field"],
  ["attachments", [{ content: "aGk=", filename: "a\r\nb" }], "/attachments/0/filename", "bad_filename"],
  ["attachments", [{ content: "aGk=", filename: long }], "/attachments/0/filename", "too_long"],
  [
    "attachments",
    [{ content: "aGk=", contentType: "multipart/mixed" }],
    "/attachments/0/contentType",
    "bad_content_type",
  ],
  ["attachments", [{ content: "aGk=", contentType: "a/b\r\nX: y" }], "/attachments/0/contentType", "bad_content_type"],
  ["attachments", [{ content: "aGk=", contentId: "a>b" }], "/attachments/0/contentId", "bad_content_id"],
  ["attachments", [{ content: "aGk=", disposition: "nowhere" }], "/attachments/0/disposition", "bad_value"],
  ["attachments", new Array(101).fill({ content: "aGk=" }), "/attachments", "too_many"],
  ["priority", 0, "/priority", "bad_value"],
  ["priority", "urgent", "/priority", "bad_value"],
  ["priority", null, "/priority", "bad_value"],
  ["sendAt", 1_700_000_000, "/sendAt", "wrong_type"],
  ["sendAt", "tomorrow", "/sendAt", "bad_format"],
  ["sendAt", "2030-02-30T00:00:00Z", "/sendAt", "bad_format"],
  ["sendAt", "2999-01-01T00:00:00Z", "/sendAt", "too_far_ahead"],
  ["sendAt", long, "/sendAt", "bad_format"],
  ["expiresAt", true, "/expiresAt", "wrong_type"],
  ["expiresAt", "2030-01-01", "/expiresAt", "bad_format"],
  ["batch", 7, "/batch", "wrong_type"],
  ["batch", "a b", "/batch", "bad_format"],
  ["batch", long, "/batch", "too_long"],
  ["tags", "a", "/tags", "wrong_type"],
  ["tags", [1], "/tags/0", "wrong_type"],
  ["tags", [""], "/tags/0", "too_short"],
  ["tags", ["a\nb"], "/tags/0", "control_character"],
  ["tags", ["a\u0000b"], "/tags/0", "control_character"],
  ["tags", ["x".repeat(65)], "/tags/0", "too_long"],
  ["tags", new Array(100_000).fill("a"), "/tags", "too_many"],
  ["metadata", "x", "/metadata", "wrong_type"],
  ["metadata", [1], "/metadata", "wrong_type"],
  ["metadata", { a: "x".repeat(8_192) }, "/metadata", "too_long"],
  ["metadata", { a: long }, "/metadata", "too_long"],
  ["metadata", { a: "\u0000" }, "/metadata", "control_character"],
  ["metadata", { "a\u0000": 1 }, "/metadata", "control_character"],
  ["inDoubt", "maybe", "/inDoubt", "bad_value"],
  ["inDoubt", 1, "/inDoubt", "bad_value"],
  ["unknown", 1, "/unknown", "unknown_field"],
  ["__proto__x", 1, "/__proto__x", "unknown_field"],
];

describe("every bad field is refused within a second, with the same code each time, and leaves nothing", () => {
  for (const [field, value, path, code] of badFields) {
    test(`${field}: ${shorten(value)} is ${code}`, async () => {
      const { status, body, headers, durationMs } = await running.ask("POST", "/v1/messages", {
        key,
        body: { ...good, [field]: value },
      });
      expect(body).toMatchObject({ status: 400, code: "invalid_request", errors: [{ path, code }] });
      expect(status).toBe(400);
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(durationMs).toBeLessThan(1_000);
      expect(JSON.stringify(body).length).toBeLessThan(4_000);
      expect(await running.countRows()).toBe(0);
    });
  }
});

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 50 ? `${text.slice(0, 50)}… (${text.length})` : text;
}

test("an expiry before the time of sending is refused", async () => {
  const times = { sendAt: new Date(Date.now() + 60_000).toISOString(), expiresAt: new Date().toISOString() };
  const { body } = await running.ask("POST", "/v1/messages", { key, body: { ...good, ...times } });
  expect(body.errors).toMatchObject([{ path: "/expiresAt", code: "not_after" }]);
});

test("all bad fields are named together", async () => {
  const { body } = await running.ask("POST", "/v1/messages", { key, body: { ...good, id: 1, priority: "x", nope: 1 } });
  expect(body.errors.map(({ path }: { path: string }) => path).sort()).toEqual(["/id", "/nope", "/priority"]);
});

const badBodies: readonly (readonly [name: string, raw: string | Uint8Array, status: number, code: string])[] = [
  ["nothing", "", 400, "body_required"],
  ["half an object", '{"from":', 400, "malformed_json"],
  ["two documents", "{}{}", 400, "malformed_json"],
  ["a list", "[]", 400, "invalid_request"],
  ["null", "null", 400, "body_required"],
  ["a number", "7", 400, "invalid_request"],
  ["broken UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400, "malformed_utf8"],
  ["an overlong encoding", Buffer.from('{"from":"\xc0\x80"}', "latin1"), 400, "malformed_utf8"],
  ["arrays 100,000 deep", "[".repeat(100_000), 400, "json_too_deep"],
  ["metadata 33 deep", `{"metadata":${'{"a":'.repeat(33)}1${"}".repeat(33)}}`, 400, "json_too_deep"],
  ["33 MiB", `"${"x".repeat(33 * 1024 * 1024)}"`, 413, "body_too_large"],
];

describe("a body that is no message is refused within a second", () => {
  for (const [name, raw, status, code] of badBodies) {
    test(`${name} is ${code}`, async () => {
      const answer = await running.ask("POST", "/v1/messages", { key, raw });
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect(answer.durationMs).toBeLessThan(1_000);
    });
  }

  test("anything but JSON is unsupported_media_type", async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const form = await running.ask("POST", "/v1/messages", { key, raw: "from=a", headers });
    expect([form.status, form.body.code]).toEqual([415, "unsupported_media_type"]);
    const packed = await running.ask("POST", "/v1/messages", {
      key,
      body: good,
      headers: { "content-encoding": "gzip" },
    });
    expect([packed.status, packed.body.code]).toEqual([415, "unsupported_media_type"]);
  });

  test("a name that means something to JavaScript is just an unknown field", async () => {
    const raw =
      '{"from":"ann@acme.test","to":"b@b.test","__proto__":{"to":"evil@x.test"},"constructor":{"prototype":1}}';
    const { status, body } = await running.ask("POST", "/v1/messages", { key, raw });
    expect([status, body.code]).toEqual([400, "invalid_request"]);
    expect(body.errors.map(({ code }: { code: string }) => code)).toEqual(["unknown_field", "unknown_field"]);
  });
});

test("none of this has left a row", async () => {
  expect(await running.countRows()).toBe(0);
});
