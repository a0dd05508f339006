import { z } from "zod";
import { fieldCodes, problems } from "../problems.ts";
import { fieldError } from "./message.ts";

const codeTable = Object.entries(problems)
  .map(([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`)
  .join("\n");
const fieldTable = Object.entries(fieldCodes)
  .map(([code, meaning]) => `| \`${code}\` | ${meaning} |`)
  .join("\n");

/** For the document's introduction: every code, from the tables that the listener answers from. */
export const problemTables = `| code | status | meaning |\n|---|---|---|\n${codeTable}\n\n| code of a field | meaning |\n|---|---|\n${fieldTable}`;

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().describe("Stable; decide by it."),
    detail: z.string(),
    errors: z.array(fieldError).optional(),
  })
  .meta({ id: "Problem", description: "RFC 9457 problem details." });

/** The answers that every route may give beside its own. */
export const problemResponse = {
  description: "Refused: problem details (RFC 9457).",
  content: { "application/problem+json": { schema: problem } },
};
