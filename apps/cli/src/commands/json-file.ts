import { readFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import type { Terminal } from "../terminal.ts";

/** A file's bytes; "-" is stdin. */
export async function readInput({ stdin }: Pick<Terminal, "stdin">, file: string): Promise<Buffer> {
  try {
    if (file !== "-") return await readFile(file);
    const pieces: Buffer[] = [];
    for await (const piece of stdin) pieces.push(Buffer.from(piece as Buffer));
    return Buffer.concat(pieces);
  } catch (cause) {
    throw new CliError(`${file} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
}

/** A file that holds one JSON object. */
export async function readJsonFile(terminal: Pick<Terminal, "stdin">, file: string): Promise<Record<string, unknown>> {
  const text = (await readInput(terminal, file)).toString("utf8");
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw new CliError(`${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  throw new CliError(`${file} must hold a JSON object.`);
}
