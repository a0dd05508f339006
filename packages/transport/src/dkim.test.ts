import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { readHeader } from "@mailfleet/mail";
import { startMisbehavingHop } from "@mailfleet/testkit";
import fc from "fast-check";
import DKIM from "nodemailer/lib/dkim";
import { describe, test } from "vitest";
import { relaxedBodyHash } from "./dkim-canonical.ts";
import { testDkimKey } from "./dkim-key.ts";
import type { DkimKey } from "./next-hop.ts";
import { openNextHop } from "./smtp-next-hop.ts";
import { content, envelopeTo } from "./testing/contract.ts";

const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();
const pair = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const key: DkimKey = { domain: "example.org", selector: "s1", privateKeyPem: pem(pair.privateKey) };

const letter = (from: string) =>
  Buffer.from(
    `From: ${from}\r\nTo: bob@example.net\r\nSubject:  a   b\r\nMessage-ID: <1@x>\r\n\r\nhello  there \r\n\r\n\r\n`,
  );

async function deliver(from: string, dkim: readonly DkimKey[], bytes = letter(from)) {
  await using hop = await startMisbehavingHop();
  await using nextHop = openNextHop({ host: hop.host, port: hop.port, security: "none", dkim });
  const [result] = await nextHop.send(envelopeTo("bob@example.net"), content(bytes), () => true);
  return { result, kept: hop.messages[0]?.content };
}

/** What RFC 6376 has a verifier do, for relaxed/relaxed, written without looking at the signer. */
function verifies(message: Buffer, publicKey: KeyObject): boolean {
  const header = readHeader(message);
  assert(header.ok);
  const fields = header.fields.map(({ raw }) => Buffer.from(raw).toString("latin1"));
  const at = fields.findIndex((field) => /^dkim-signature:/i.test(field));
  if (at < 0) return false;
  const relaxed = (field: string) => {
    const colon = field.indexOf(":");
    const value = field
      .slice(colon + 1)
      .replace(/\r\n/g, "")
      .replace(/[ \t]+/g, " ")
      .trim();
    return `${field.slice(0, colon).trim().toLowerCase()}:${value}`;
  };
  const signature = fields[at] ?? "";
  const tags = new Map(
    signature
      .slice(signature.indexOf(":") + 1)
      .split(";")
      .map((tag) => {
        const equals = tag.indexOf("=");
        return [tag.slice(0, equals).trim(), tag.slice(equals + 1).replace(/\s+/g, "")] as const;
      }),
  );
  const body = message.toString("latin1", header.bodyOffset).split("\r\n");
  const lines = body.map((line) => line.replace(/[ \t]+/g, " ").replace(/ $/, ""));
  while (lines.at(-1) === "") lines.pop();
  const canonical = lines.map((line) => `${line}\r\n`).join("");
  if (createHash("sha256").update(canonical, "latin1").digest("base64") !== tags.get("bh")) return false;

  const rest = fields.slice(at + 1);
  const signed = (tags.get("h") ?? "").split(":").flatMap((name) => {
    const last = rest.findLastIndex((field) => field.slice(0, field.indexOf(":")).toLowerCase() === name.toLowerCase());
    return last < 0 ? [] : [`${relaxed(rest.splice(last, 1)[0] ?? "")}\r\n`];
  });
  const unsigned = relaxed(signature).replace(/\bb=[^;]*$/, "b=");
  const data = Buffer.from(signed.join("") + unsigned, "latin1");
  const claim = Buffer.from(tags.get("b") ?? "", "base64");
  if (tags.get("a") === "rsa-sha256") return verify("sha256", data, publicKey, claim);
  return verify(null, createHash("sha256").update(data).digest(), publicKey, claim);
}

describe("DKIM", () => {
  test("what arrives verifies, with the key of its From domain", async () => {
    const { result, kept } = await deliver("Ann <ann@example.org>", [key]);
    assert.equal(result?.kind, "success");
    assert(kept);
    assert.equal(verifies(kept, pair.publicKey), true);
    const tampered = Buffer.from(kept.toString().replace("hello", "hullo"));
    assert.equal(verifies(tampered, pair.publicKey), false);
  });

  test("content in pieces is signed like whole content", async () => {
    const whole = Buffer.concat([
      letter("ann@example.org"),
      Buffer.alloc(400_000, "line of text \r\n"),
      Buffer.from("\r\n\r\n"),
    ]);
    const pieces = async function* () {
      for (let at = 0; at < whole.length; at += 65_536) yield whole.subarray(at, at + 65_536);
    };
    await using hop = await startMisbehavingHop();
    await using nextHop = openNextHop({ host: hop.host, port: hop.port, security: "none", dkim: [key] });
    const [result] = await nextHop.send(
      envelopeTo("bob@example.net"),
      { sizeBytes: whole.length, open: pieces },
      () => true,
    );
    assert.equal(result?.kind, "success");
    const kept = hop.messages[0]?.content;
    assert(kept);
    assert.equal(verifies(kept, pair.publicKey), true);
    assert(kept.subarray(-whole.length).equals(whole));
  });

  test("a second From, added on the way, breaks the signature", async () => {
    const { kept } = await deliver("ann@example.org", [key]);
    assert(kept);
    assert.equal(
      verifies(
        Buffer.concat([
          kept.subarray(0, kept.indexOf("From:")),
          Buffer.from("From: eve@example.org\r\n"),
          kept.subarray(kept.indexOf("From:")),
        ]),
        pair.publicKey,
      ),
      false,
    );
  });

  test("a body's hash is the one that nodemailer finds", async () => {
    const line = fc.string({ unit: fc.constantFrom(" ", "\t", "a", "\r\n", "."), maxLength: 30 });
    const nodemailer = new DKIM({ domainName: "example.org", keySelector: "s1", privateKey: key.privateKeyPem });
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 5 }), async (pieces) => {
        const hash = relaxedBodyHash();
        for (const piece of pieces) hash.update(Buffer.from(piece));
        const signed = await new Response(
          nodemailer.sign(Buffer.from(`From: a@x\r\n\r\n${pieces.join("")}`)) as never,
        ).text();
        assert.equal(hash.digest(), /bh=([^;]+);/.exec(signed.replace(/\s+/g, ""))?.[1]);
      }),
      { numRuns: 60 },
    );
  });

  test("a key signs for no other domain than its own", async () => {
    const { result, kept } = await deliver("ann@other.example", [key]);
    assert.equal(result?.kind, "success");
    assert.deepEqual(kept, letter("ann@other.example"));
  });

  test("mail that cannot be signed is not sent unsigned", async () => {
    const broken = { ...key, privateKeyPem: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" };
    const { result, kept } = await deliver("ann@example.org", [broken]);
    assert.equal(result?.kind === "not_attempted" && result.blocksAccount, true);
    assert.equal(kept, undefined);
  });

  test("a good key is accepted, with the record to publish", async () => {
    const tested = await testDkimKey(key);
    assert(tested.ok);
    assert.equal(tested.bits, 2_048);
    assert.equal(tested.dnsName, "s1._domainkey.example.org");
    const published = pair.publicKey.export({ type: "spki", format: "der" }).toString("base64");
    assert.equal(tested.dnsRecord, `v=DKIM1; k=rsa; p=${published}`);
  });

  test("an Ed25519 key is accepted, with the record to publish, and signs", async () => {
    const edwards = generateKeyPairSync("ed25519");
    const edwardsKey = { ...key, privateKeyPem: pem(edwards.privateKey) };
    const tested = await testDkimKey(edwardsKey);
    assert(tested.ok);
    const published = Buffer.from(edwards.publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("base64");
    assert.equal(tested.dnsRecord, `v=DKIM1; k=ed25519; p=${published}`);
    const { kept } = await deliver("ann@example.org", [edwardsKey, key]);
    assert(kept);
    assert.equal(verifies(kept, edwards.publicKey), true);
    // Below it lies the signature of the second key, which another verifier will prefer.
    assert.equal(verifies(kept.subarray(kept.indexOf("\r\nDKIM-Signature") + 2), pair.publicKey), true);
  });

  const elliptic = pem(generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey);
  const short = pem(generateKeyPairSync("rsa", { modulusLength: 512 }).privateKey);
  const rows = [
    ["not a key", { ...key, privateKeyPem: "secret" }, "dkim_unreadable_key"],
    [
      "a public key",
      { ...key, privateKeyPem: pair.publicKey.export({ type: "spki", format: "pem" }).toString() },
      "dkim_unreadable_key",
    ],
    ["an ECDSA key", { ...key, privateKeyPem: elliptic }, "dkim_unsupported_key"],
    ["512 bits", { ...key, privateKeyPem: short }, "dkim_short_key"],
    ["a domain with a tag in it", { ...key, domain: "example.org; s=x" }, "dkim_bad_domain"],
    ["a selector with a line end", { ...key, selector: "s\r\nX: y" }, "dkim_bad_selector"],
  ] as const;
  for (const [what, bad, code] of rows) {
    test(`${what} is refused when the key is stored`, async () => {
      const tested = await testDkimKey(bad);
      assert.equal(!tested.ok && tested.code, code);
    });
  }
});
