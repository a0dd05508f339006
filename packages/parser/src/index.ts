/**
 * Reads untrusted mail (RFC 5322, RFC 2045 to 2047, RFC 2231, RFC 3676) in processes that can be killed.
 *
 * MIME is read by our own code, in which every step is linear in the bytes it is given: of the libraries, postal-mime
 * takes 56 s and 7.5 GB, most of it outside the heap that can be limited, for 5 MB of empty lines, and
 * mailparser 6 s for that and for 30,000 continuations of a parameter. Their work on single words and on HTML is used.
 */
export { openParser, type Parser, type ParserOptions } from "./open-parser.ts";
export { parseLimits, parserLimits } from "./parse-limits.ts";
export type { ExtractResult, ParseProblem, ParseRefusal, ParseResult } from "./parse-result.ts";
export type { WantedContents } from "./read-message.ts";
