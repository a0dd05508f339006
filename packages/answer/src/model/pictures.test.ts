import type { ParsedAttachment } from "@mailfleet/mail";
import { describe, expect, test } from "vitest";
import { pictureLimits, picturesOf } from "./pictures.ts";

const bytes = (beginning: string, length = 20) =>
  Buffer.concat([Buffer.from(beginning, "latin1"), Buffer.alloc(length)]);
const attachment = (contentType: string, content?: Uint8Array): ParsedAttachment => ({
  number: 0,
  contentType,
  disposition: "inline",
  sizeBytes: content?.length ?? 0,
  ...(content && { content }),
});
const png = bytes("\x89PNG\r\n\x1a\n");
const typesOf = (...attachments: readonly ParsedAttachment[]) =>
  picturesOf(attachments).map(({ mediaType }) => mediaType);

const shown = [
  ["image/png", png, ["image/png"]],
  ["image/jpeg", bytes("\xff\xd8\xff\xe0"), ["image/jpeg"]],
  ["image/gif", bytes("GIF89a"), ["image/gif"]],
  ["image/gif", bytes("GIF87a"), ["image/gif"]],
  ["image/webp", bytes("RIFF1234WEBP"), ["image/webp"]],
  ["image/jpeg", png, ["image/png"]], // By what it is, not by what it is called.
  ["image/png", bytes("<svg>"), []],
  ["image/svg+xml", bytes("<svg>"), []],
  ["image/png", bytes("%PDF-1.7"), []],
  ["image/png", new Uint8Array(), []],
  ["application/octet-stream", png, []],
  ["text/html", png, []],
] as const;

describe("a picture is shown by its first bytes", () => {
  for (const [called, content, types] of shown) {
    test(`${called}, ${JSON.stringify(Buffer.from(content.subarray(0, 6)).toString("latin1"))}: ${types[0] ?? "none"}`, () => {
      expect(typesOf(attachment(called, content))).toEqual(types);
    });
  }
});

test("pictures are bounded in number and size, one by one and together", () => {
  const big = (mib: number) => attachment("image/png", bytes("\x89PNG\r\n\x1a\n", mib * 1_024 * 1_024 - 8));
  expect(typesOf(...Array.from({ length: pictureLimits.count + 3 }, () => attachment("image/png", png)))).toHaveLength(
    pictureLimits.count,
  );
  expect(typesOf(attachment("image/png", bytes("\x89PNG\r\n\x1a\n", pictureLimits.bytes)))).toEqual([]);
  expect(typesOf(big(4), big(4), big(4), big(4), attachment("image/png", png))).toHaveLength(3);
});

test("a picture that was not loaded is not shown", () => {
  expect(typesOf(attachment("image/png"))).toEqual([]);
});
