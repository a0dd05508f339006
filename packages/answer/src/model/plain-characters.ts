/**
 * Text that reads as it is written: what nobody sees, and what makes text look like other text, is taken out
 * (Unicode Technical Report 36; Unicode Technical Standard 39).
 */

export interface PlainText {
  readonly text: string;
  /** Characters taken out. */
  readonly removed: number;
}

// Scripts that need joiners to be spelled rightly; elsewhere they hide things.
const joining =
  "\\p{Script=Arabic}\\p{Script=Syriac}\\p{Script=Mongolian}\\p{Script=Devanagari}\\p{Script=Bengali}\\p{Script=Gujarati}" +
  "\\p{Script=Gurmukhi}\\p{Script=Kannada}\\p{Script=Malayalam}\\p{Script=Oriya}\\p{Script=Sinhala}\\p{Script=Tamil}" +
  "\\p{Script=Telugu}\\p{Script=Khmer}\\p{Script=Myanmar}";
const picture = "\\p{Extended_Pictographic}\\p{Emoji_Modifier}";
const neededJoiner = `(?<=[${joining}]\\p{M}*)[\\u200c\\u200d](?=[${joining}])|(?<=[${picture}]\\ufe0f?)\\u200d(?=[${picture}])`;
const neededSelector = "(?<=[\\p{Extended_Pictographic}0-9#*])\\ufe0f";

/** The group is what may stay. Default_Ignorable holds joiners, direction marks and overrides, tags and selectors. */
const unseen = new RegExp(
  `(${neededJoiner}|${neededSelector})|[\\p{Default_Ignorable_Code_Point}\\ufff9-\\ufffb]|(?![\\n\\t])\\p{Cc}`,
  "gu",
);

/** Lines end in LF; tabs stay; lone surrogates become U+FFFD. */
export function plainText(text: string): PlainText {
  let removed = 0;
  const plain = text
    .toWellFormed()
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, "\n")
    .replace(unseen, (_, needed: string | undefined) => {
      if (needed !== undefined) return needed;
      removed++;
      return "";
    });
  return { text: plain, removed };
}

/** At most `length` UTF-16 units, and no half character. */
export const cutText = (text: string, length: number): string =>
  text.length > length ? text.slice(0, length).replace(/[\ud800-\udbff]$/, "") : text;
