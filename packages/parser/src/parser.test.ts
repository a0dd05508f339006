import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openParser, type Parser } from "./open-parser.ts";
import { bombs, neighbour } from "./testing/bombs.ts";

const message = readFileSync(new URL("testdata/06-attachments.eml", import.meta.url));

describe("an open parser", () => {
  let parser: Parser;
  beforeAll(() => {
    parser = openParser({ heapMb: 64 }); // A quarter of what it has in service.
  });
  afterAll(() => parser[Symbol.asyncDispose]());

  test("describes attachments and brings no content unasked", async () => {
    const result = await parser.parse(message);
    expect(result.ok && result.message.attachments.map(({ filename, content }) => [filename, content])).toEqual([
      ["logo.png", undefined],
      ["Rechnung 1.pdf", undefined],
    ]);
  });

  test("brings the contents that are asked for", async () => {
    const all = await parser.parse(message, { contents: true });
    const one = await parser.parse(message, { contents: [1] });
    const texts = (result: typeof all) =>
      result.ok && result.message.attachments.map(({ content }) => content && Buffer.from(content).toString("latin1"));
    expect(texts(all)).toEqual(["\x89PNG\r\n\x1a\n", "%PDF-1.4 not really"]);
    expect(texts(one)).toEqual([undefined, "%PDF-1.4 not really"]);
  });

  test("leaves the caller's bytes to the caller", async () => {
    const mine = new Uint8Array(message);
    await parser.parse(mine);
    expect(Buffer.compare(mine, message)).toBe(0);
  });

  test("extracts one attachment, and says where there is none", async () => {
    const found = await parser.extractAttachment(message, 1);
    expect(found.ok && [found.attachment.filename, found.attachment.content.length]).toEqual(["Rechnung 1.pdf", 19]);
    expect(await parser.extractAttachment(message, 2)).toMatchObject({ ok: false, code: "no_such_attachment" });
  });

  test("refuses 100 MB without a look", async () => {
    expect(await parser.parse(new Uint8Array(100_000_000))).toMatchObject({ ok: false, code: "too_large" });
  });

  test.each(bombs)("$name: ends with a reason, and its neighbour is read", async ({ make, code, cuts }) => {
    const [bomb, other] = await Promise.all([parser.parse(make()), parser.parse(neighbour)]);
    if (bomb.ok) expect(bomb.message.cuts).toEqual(expect.arrayContaining([...(cuts ?? ["none expected"])]));
    else expect(bomb.code).toBe(code);
    expect(other.ok && other.message.text).toBe("Where is my parcel?\n");
  });
});

test("a closed parser reads nothing more", async () => {
  const parser = openParser();
  await parser[Symbol.asyncDispose]();
  await expect(parser.parse(message)).rejects.toThrow("closed");
});
