import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { EgressRules } from "./egress.ts";
import { callEscalation } from "./escalation.ts";
import { context, MemoryJournal, question } from "./testing/question.ts";
import { type SeenRequest, type ServiceReply, startService } from "./testing/service.ts";
import { openWebhookAnswerer } from "./webhook.ts";
import { readRetryAfter } from "./webhook-call.ts";
import { webhookLimits, webhookQuestion } from "./webhook-question.ts";
import { parseWebhookSecrets } from "./webhook-signature.ts";

const inside: EgressRules = { allowHosts: [], allowPrivateNetworks: true };
const keys = [Buffer.alloc(32, 1), Buffer.alloc(24, 2)];
const [secret, otherSecret] = keys.map((key) => `whsec_${key.toString("base64")}`) as [string, string];
const yes = { status: 200, body: { action: "answer", text: "At nine." } } as const;

const open = (url: string, webhookSecret = secret, timeoutMs = 5_000) =>
  openWebhookAnswerer({ kind: "webhook", url, timeoutMs }, { webhookSecret }, inside);

async function decide(reply: ServiceReply, timeoutMs?: number) {
  const { url } = await startService(() => reply);
  return open(url, secret, timeoutMs).answer(question(), context());
}

/** As the specification says, by other means than ours. */
function signedBy({ headers, body }: SeenRequest): readonly Buffer[] {
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const signatures = String(headers["webhook-signature"]).split(" ");
  return keys.filter((key) => signatures.includes(`v1,${createHmac("sha256", key).update(signed).digest("base64")}`));
}

test("a service is told of the message, and can tell that it is us who ask, and when", async () => {
  const { url, requests } = await startService(() => yes);
  await open(url).answer(question(), context());
  const [request] = requests as [SeenRequest];
  expect(request).toMatchObject({ method: "POST", path: "/hook", headers: { "content-type": "application/json" } });
  expect(request.headers["webhook-id"]).toBe(question().inboundId);
  expect(Math.abs(Number(request.headers["webhook-timestamp"]) - Date.now() / 1_000)).toBeLessThan(60);
  expect(signedBy(request)).toEqual([keys[0]]);
  const { type, data } = JSON.parse(request.body);
  expect({ type, data }).toEqual({ type: "inbound.received", data: webhookQuestion(question()) });
});

test("while one secret replaces another, both sign", async () => {
  const { url, requests } = await startService(() => yes);
  await open(url, `${secret} ${otherSecret}`).answer(question(), context());
  expect(signedBy(requests[0]!)).toEqual(keys);
});

test("the id is the same in every try", async () => {
  const { url, requests } = await startService(() => ({ status: 503 }));
  for (const attempt of [1, 2]) await open(url).answer(question({ attempt }), context());
  const ids = requests.map(({ headers }) => headers["webhook-id"]);
  expect(ids).toEqual([question().inboundId, question().inboundId]);
  expect(requests.map(({ body }) => JSON.parse(body).data.attempt)).toEqual([1, 2]);
});

describe("a service decides", () => {
  const draft = { kind: "answer", answeredBy: "webhook" };
  for (const [body, decision] of [
    [
      { action: "answer", text: "x" },
      { ...draft, text: "x" },
    ],
    [
      { action: "answer", html: "<p>x" },
      { ...draft, html: "<p>x" },
    ],
    [
      { action: "answer", subject: "s", text: "x\r\n\ty", html: "z" },
      { ...draft, subject: "s", text: "x\r\n\ty", html: "z" },
    ],
    [{ action: "decline" }, { kind: "decline", reason: "The webhook declined." }],
    [
      { action: "decline", reason: "spam" },
      { kind: "decline", reason: "spam" },
    ],
    [
      { action: "later", after: "10m" },
      { kind: "later", afterMs: 600_000 },
    ],
    [
      { action: "later", after: "7d", reason: "asleep" },
      { kind: "later", afterMs: 604_800_000, reason: "asleep" },
    ],
    [{ action: "escalate" }, { kind: "escalate", note: "The webhook asks for a person." }],
    [
      { action: "escalate", note: "angry" },
      { kind: "escalate", note: "angry" },
    ],
  ] as const) {
    test(JSON.stringify(body), async () => {
      expect(await decide({ body })).toEqual(decision);
    });
  }

  test("204", async () => {
    expect(await decide({ status: 204 })).toEqual({ kind: "decline", reason: "The webhook answered 204." });
  });
});

describe("what a service may not say is no answer, and names what is wrong", () => {
  for (const [body, detail] of [
    ["", "JSON"],
    ["{", "JSON"],
    ["null", "response"],
    [{}, "action"],
    [{ action: "reply", text: "x" }, "action"],
    [{ action: "answer" }, "must have a text"],
    [{ action: "answer", text: " \n" }, "text: must not be empty"],
    [{ action: "answer", text: "x", to: "eve@evil.example" }, '"to"'],
    [{ action: "answer", text: "x", headers: { Bcc: "eve@evil.example" } }, '"headers"'],
    [{ action: "answer", text: "x", attachments: [] }, '"attachments"'],
    [{ action: "answer", text: "x", subject: "a\r\nBcc: eve@evil.example" }, "subject: must be one line"],
    [{ action: "answer", text: "a\u0000b" }, "text: must hold no control characters"],
    ['{"action":"answer","text":"\\ud800"}', "text: must hold no control characters"],
    [{ action: "answer", text: "x".repeat(200_001) }, "text"],
    [{ action: "decline", reason: "a\u0000b" }, "reason: must hold no control characters"],
    ['{"action":"later","after":"1m","reason":"\\ud800"}', "reason: must hold no control characters"],
    [{ action: "escalate", note: "a\u0000b" }, "note: must hold no control characters"],
    [{ action: "later" }, "after"],
    [{ action: "later", after: "500ms" }, "after: must be a duration"],
    [{ action: "later", after: "8d" }, "after: must be a duration"],
    [{ action: "later", after: "soon" }, "after: must be a duration"],
  ] as const) {
    test(JSON.stringify(body).slice(0, 60), async () => {
      expect(await decide({ body })).toMatchObject({
        kind: "failed",
        permanent: false,
        code: "webhook_bad_response",
        detail: expect.stringContaining(detail),
      });
    });
  }
});

describe("a status is permanent where it speaks of the message, and passing where it speaks of the service", () => {
  for (const [permanent, statuses] of [
    [true, [400, 410, 413, 415, 422]],
    [false, [301, 307, 401, 403, 404, 405, 408, 409, 425, 429, 500, 502, 503, 504]],
  ] as const) {
    for (const status of statuses) {
      test(`${status}`, async () => {
        const detail = `The webhook answered ${status}.`;
        expect(await decide({ status })).toEqual({ kind: "failed", permanent, code: "webhook_status", detail });
      });
    }
  }

  test("and says when to come back", async () => {
    const headers = { "retry-after": "120" };
    expect(await decide({ status: 429, headers })).toMatchObject({ permanent: false, retryAfterMs: 120_000 });
    expect(await decide({ status: 410, headers })).not.toHaveProperty("retryAfterMs");
  });
});

test("Retry-After is seconds or a date, within limits", () => {
  const now = new Date("2025-01-31T12:00:00Z");
  const read = (value?: string) => readRetryAfter(value, now);
  expect([read("30"), read("0"), read("9999999999")]).toEqual([30_000, 1_000, 604_800_000]);
  expect([read("Fri, 31 Jan 2025 12:01:00 GMT"), read("Fri, 31 Jan 2025 11:00:00 GMT")]).toEqual([60_000, 1_000]);
  expect([read("soon"), read(""), read(undefined), read("-1x")]).toEqual([undefined, undefined, undefined, undefined]);
});

test("a service that is silent, floods, or cannot be reached has failed for now", async () => {
  expect(await decide("silence", 50)).toMatchObject({ permanent: false, code: "webhook_timeout" });
  const flood = { body: "x".repeat(webhookLimits.responseBytes + 1) };
  expect(await decide(flood)).toMatchObject({ permanent: false, code: "webhook_response_too_large" });
  const { url } = await startService(() => yes);
  const secure = url.replace("http:", "https:");
  expect(await open(secure).answer(question(), context())).toMatchObject({
    permanent: false,
    code: "webhook_unreachable",
  });
});

test("without a proper secret, or where the operator has not allowed it, nothing is sent", async () => {
  const { url, requests } = await startService(() => yes);
  for (const wrong of ["", "whsec_", "secret", `${secret}!`]) {
    expect(await open(url, wrong).answer(question(), context())).toMatchObject({ code: "webhook_secret_wrong" });
  }
  const settings = { kind: "webhook", url, timeoutMs: 5_000 } as const;
  const strict = openWebhookAnswerer(settings, { webhookSecret: secret }, { ...inside, allowPrivateNetworks: false });
  expect(await strict.answer(question(), context())).toMatchObject({ permanent: true, code: "webhook_url_refused" });
  expect(requests).toEqual([]);
});

describe("after a crash", () => {
  for (const body of [yes.body, { action: "decline" }, { action: "escalate" }]) {
    test(`"${body.action}" is replayed, and the service not asked again`, async () => {
      const { url, requests } = await startService(() => ({ body }));
      const journal = new MemoryJournal();
      const first = await open(url).answer(question(), context(journal));
      expect(await open(url).answer(question({ attempt: 2 }), context(journal))).toEqual(first);
      expect(requests).toHaveLength(1);
    });
  }

  for (const [name, reply] of [
    ["later", { body: { action: "later", after: "1m" } }],
    ["a failure", { status: 500 }],
    ["a refusal", { status: 422 }],
  ] as const) {
    test(`${name} is not, so that the service can change its mind`, async () => {
      const replies: ServiceReply[] = [reply, yes];
      const { url } = await startService(() => replies.shift() ?? "silence");
      const journal = new MemoryJournal();
      expect(await open(url).answer(question(), context(journal))).not.toMatchObject({ kind: "answer" });
      expect(await open(url).answer(question(), context(journal))).toMatchObject({ kind: "answer" });
    });
  }
});

test("a try that was called off has no decision, and nothing of it is remembered", async () => {
  const abort = new AbortController();
  const reason = new Error("drained");
  const { url } = await startService(() => {
    abort.abort(reason);
    return "silence";
  });
  const journal = new MemoryJournal();
  await expect(open(url).answer(question(), { journal, signal: abort.signal })).rejects.toBe(reason);
  expect(journal.results.size).toBe(0);
});

test("a message that is large in every way is told within limits, and says what was left out", () => {
  const many = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);
  const mailbox = { name: "n".repeat(5_000), address: `${"a".repeat(5_000)}@example.org` };
  const attachment = {
    number: 0,
    filename: "f".repeat(5_000),
    contentType: "x/y",
    disposition: "attachment",
    sizeBytes: 9,
  } as const;
  const told = webhookQuestion(
    question({
      written: "\u0000".repeat(1_000_000),
      thread: many(500, { from: "us", at: new Date(), text: "t".repeat(50_000) } as const),
      message: {
        text: "😀".repeat(500_000),
        html: "h".repeat(2_000_000),
        subject: "s".repeat(5_000),
        from: many(1_000, mailbox),
        to: many(1_000, mailbox),
        fields: many(1_000, { name: "x", value: "v".repeat(1_000) }),
        attachments: many(1_000, attachment),
        cuts: ["depth_cut"],
      },
    }),
  );
  expect(told.message.cuts.toSorted()).toEqual(
    [
      "depth_cut",
      "line_cut",
      "mailboxes_cut",
      "written_cut",
      "text_cut",
      "html_cut",
      "headers_cut",
      "attachments_cut",
    ].toSorted(),
  );
  expect(JSON.stringify(told).length).toBeLessThan(5_000_000);
  expect(told.message.headers).toHaveLength(49);
  expect(told.message.attachments[0]).not.toHaveProperty("content");
});

test("an attachment is told of, not sent, with where it is found", () => {
  const content = new Uint8Array([1, 2, 3]);
  const attachment = { number: 2, contentType: "image/png", disposition: "inline", sizeBytes: 3, content } as const;
  const { inboundId, message } = question({ message: { attachments: [attachment] } });
  expect(webhookQuestion(question({ message })).message.attachments).toEqual([
    {
      number: 2,
      filename: null,
      contentType: "image/png",
      contentId: null,
      disposition: "inline",
      sizeBytes: 3,
      path: `/v1/inbound/${inboundId}/attachments/2`,
    },
  ]);
});

test("secrets are told from what is none", () => {
  for (const text of [secret, ` ${secret}\n${otherSecret} `]) expect(parseWebhookSecrets(text).ok).toBe(true);
  const short = `whsec_${Buffer.alloc(23).toString("base64")}`;
  const long = `whsec_${Buffer.alloc(65).toString("base64")}`;
  const unpadded = secret.replace(/=+$/, "");
  for (const text of ["", " ", short, long, unpadded, secret.slice(6), `${secret} `.repeat(5), `${secret} nonsense`]) {
    expect(parseWebhookSecrets(text), text).toMatchObject({ ok: false, code: "bad_webhook_secret" });
  }
});

describe("an escalation is called", () => {
  const escalate = (url: string, note = "angry") => callEscalation(inside, { url, secret, request: question(), note });

  test("with the message and the note, signed, under an id of its own that stays", async () => {
    const { url, requests } = await startService(() => ({ status: 202, body: "thanks" }));
    expect([await escalate(url), await escalate(url)]).toEqual([{ kind: "escalated" }, { kind: "escalated" }]);
    expect(requests.map(({ headers }) => headers["webhook-id"])).toEqual(
      Array(2).fill(`${question().inboundId}-escalated`),
    );
    expect(signedBy(requests[0]!)).toEqual([keys[0]]);
    expect(JSON.parse(requests[0]!.body)).toMatchObject({
      type: "inbound.escalated",
      data: { note: "angry", message: { subject: "Opening hours" } },
    });
  });

  test("and fails as the webhook does", async () => {
    const { url } = await startService(() => ({ status: 503, headers: { "retry-after": "5" } }));
    expect(await escalate(url)).toMatchObject({ kind: "failed", permanent: false, retryAfterMs: 5_000 });
  });
});
