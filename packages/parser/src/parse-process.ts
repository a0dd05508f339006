/** What runs in a parser's process: one message in, one result out. */
import { type ParseResult, refusal } from "./parse-result.ts";
import { readMessage, type WantedContents } from "./read-message.ts";

export interface ParseOrder {
  readonly bytes: Uint8Array;
  readonly wanted: WantedContents;
}

// Whoever opened the parser closes it: a key on the terminal reaches all processes, and must not end a message early.
process.on("SIGINT", () => {}).on("SIGTERM", () => {});
process.on("disconnect", () => process.exit());
process.on("message", ({ bytes, wanted }: ParseOrder) => process.send?.(tryToRead(bytes, wanted)));
process.send?.("ready");

function tryToRead(bytes: Uint8Array, wanted: WantedContents): ParseResult {
  try {
    return readMessage(bytes, wanted);
  } catch (error) {
    // Nothing is known to get here; if something does, the message must end with a code all the same.
    return refusal("malformed", `The message cannot be read (${error instanceof Error ? error.name : "unknown"}).`);
  }
}
