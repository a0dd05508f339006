import type { ParsedAttachment } from "@mailfleet/mail";

export interface Picture {
  readonly mediaType: PictureType;
  readonly content: Uint8Array;
}

export type PictureType = "image/png" | "image/jpeg" | "image/gif" | "image/webp";

export const pictureLimits = { count: 8, bytes: 4 * 1_024 * 1_024, totalBytes: 12 * 1_024 * 1_024 } as const;

const signatures: readonly (readonly [PictureType, RegExp])[] = [
  ["image/png", /^89504e470d0a1a0a/],
  ["image/jpeg", /^ffd8ff/],
  ["image/gif", /^4749463(?:837|839)61/],
  ["image/webp", /^52494646.{8}57454250/],
];

/** The pictures of a message that a model is shown, in their order: by what they begin with, whatever they are called. */
export function picturesOf(attachments: readonly ParsedAttachment[]): readonly Picture[] {
  const pictures: Picture[] = [];
  let totalBytes = 0;
  for (const { contentType, content } of attachments) {
    if (!content || !contentType.startsWith("image/") || content.length > pictureLimits.bytes) continue;
    const mediaType = pictureType(content);
    if (
      !mediaType ||
      pictures.length >= pictureLimits.count ||
      totalBytes + content.length > pictureLimits.totalBytes
    ) {
      continue;
    }
    totalBytes += content.length;
    pictures.push({ mediaType, content });
  }
  return pictures;
}

function pictureType(content: Uint8Array): PictureType | undefined {
  const beginning = Buffer.from(content.subarray(0, 12)).toString("hex");
  return signatures.find(([, signature]) => signature.test(beginning))?.[0];
}
