/** What a mailbox's settings are, read from the schemas that check them: the first columns of the tables on their pages. */
import { formatDuration } from "@mailfleet/mail";
import { answerInput, showAnswer } from "../../apps/intake/src/http/schemas/answer.ts";
import { mailboxInput, readMailbox } from "../../apps/intake/src/http/schemas/mailbox.ts";

/** Field, value, and what holds where it is absent; as cells of Markdown. */
export type FieldRow = readonly [field: string, value: string, absent: string];

/** Of zod's schemas, what is looked at here. */
interface Schema {
  readonly def: { readonly type: string };
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly options?: readonly Schema[];
  readonly out?: { readonly element: Schema };
  unwrap?(): Schema;
  isOptional(): boolean;
  safeParse(value: unknown): { readonly data?: unknown };
  toJSONSchema(options: object): JsonSchema;
}

interface Leaf {
  readonly path: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

const answerers = {
  template: { text: "Hello" },
  webhook: { url: "https://example.org/" },
  model: {
    url: "https://example.org/",
    model: "m",
    systemPrompt: "p",
    httpTools: [{ name: "look", description: "d", url: "https://example.org/", parameters: {} }],
  },
} as const;
type Answerer = keyof typeof answerers;
const kinds = Object.keys(answerers) as readonly Answerer[];

/** The settings of a mailbox that says as little as it may. */
function leastSettings(kind: Answerer): Readonly<Record<string, unknown>> {
  const input = mailboxInput.parse({
    host: "imap.example.org",
    auth: { user: "help" },
    answer: { from: "help@example.org", [kind]: answerers[kind] },
  });
  const { answer, pollIntervalMs, maxAgeMs, auth: _, ...rest } = readMailbox(input).settings;
  const times = { pollInterval: formatDuration(pollIntervalMs), maxAge: formatDuration(maxAgeMs) };
  return { ...rest, ...times, answer: answer && showAnswer(answer) };
}
const ownTables = new Set(["answer", ...kinds]);
/** What had to be said, and is nobody's default. */
const samples = new Set([
  ...kinds.flatMap((kind) => Object.keys(answerers[kind]).map((name) => `answer.${kind}.${name}`)),
]);
const answerFields = answerInput as unknown as Schema;
const fieldOf = (schema: Schema | undefined, name: string): Schema => bare(schema as Schema).shape?.[name] as Schema;

const least = new Map(kinds.map((kind) => [kind, leastSettings(kind)]));

/** The rows of every table by the name of its section. */
export const fieldRows: ReadonlyMap<string, readonly FieldRow[]> = new Map([
  ["mailbox", rowsOf(leavesOf(mailboxInput as unknown as Schema), "")],
  ["answer", rowsOf(leavesOf(answerFields), "answer")],
  ...kinds.map((kind) => [kind, rowsOf(leavesOf(fieldOf(answerFields, kind)), `answer.${kind}`)] as const),
  [
    "http-tool",
    rowsOf(leavesOf(itemOf(fieldOf(fieldOf(answerFields, "model"), "httpTools"))), "answer.model.httpTools.0"),
  ],
]);

/** Objects become the paths of their fields, save those that have a table of their own. */
function leavesOf(schema: Schema, at = ""): readonly Leaf[] {
  const { options = [bare(schema)] } = bare(schema);
  return options.flatMap((option) =>
    Object.entries(bare(option).shape ?? {}).flatMap(([name, field]) => {
      const path = at === "" ? name : `${at}.${name}`;
      const inner = bare(field);
      if (["union", "object"].includes(inner.def.type)) {
        if (!ownTables.has(path)) return leavesOf(inner, path);
        return [{ path, schema: field, isRequired: false }];
      }
      return [{ path, schema: field, isRequired: !field.isOptional() }];
    }),
  );
}

/** Without what wraps it. */
function bare(schema: Schema): Schema {
  return ["optional", "default"].includes(schema.def.type) && schema.unwrap ? bare(schema.unwrap()) : schema;
}

/** Of a list whose length is looked at first. */
function itemOf(schema: Schema | undefined): Schema {
  const item = schema && bare(schema).out?.element;
  if (!item) throw new TypeError("not a list");
  return item;
}

function rowsOf(leaves: readonly Leaf[], at: string): readonly FieldRow[] {
  return leaves.map(({ path, schema, isRequired }) => [
    `\`${path}\``,
    isOwn(path, schema) ? "see below" : valuesOf(schema),
    isRequired ? "required" : isOwn(path, schema) ? "none" : absentOf(at === "" ? path : `${at}.${path}`, schema),
  ]);
}

function isOwn(path: string, schema: Schema): boolean {
  return ownTables.has(path) && bare(schema).def.type === "object";
}

function absentOf(path: string, schema: Schema): string {
  const standing = schema.toJSONSchema({ io: "input", unrepresentable: "any" }).default;
  if (standing !== undefined) return shown(standing);
  if (samples.has(path)) return "none";
  const found = kinds.map((kind) => [kind, lookUp(least.get(kind), path.split("."))] as const);
  const present = found
    .filter(([, value]) => value !== undefined)
    .map(([kind, value]) => [kind, shown(value)] as const);
  if (present.length === 0) return "none";
  const values = [...new Set(present.map(([, value]) => value))];
  if (values.length === 1) return values[0]!;
  return values
    .map(
      (value) =>
        `${value} (${present
          .filter(([, one]) => one === value)
          .map(([kind]) => kind)
          .join(", ")})`,
    )
    .join(", ");
}

function shown(value: unknown): string {
  if (Array.isArray(value) && value.length === 0) return "none";
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function lookUp(from: unknown, [name, ...rest]: readonly string[]): unknown {
  const value = (from as Record<string, unknown> | undefined)?.[name ?? ""];
  return rest.length === 0 ? value : lookUp(value, rest);
}

interface JsonSchema {
  readonly default?: unknown;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly format?: string;
  readonly anyOf?: readonly JsonSchema[];
}

function valuesOf(schema: Schema): string {
  const probed = schema.safeParse("30s");
  if (probed.data === 30_000) return "a duration";
  const dated = schema.safeParse("2030-01-01T00:00:00Z");
  if (dated.data instanceof Date) return "a time";
  const json = schema.toJSONSchema({ io: "input", unrepresentable: "any" });
  if (json.anyOf?.some(({ type }) => type === "null")) return "a secret";
  if (json.enum) return json.enum.map((one) => `\`${one}\``).join(", ");
  switch (json.type) {
    case "boolean":
      return "`true`, `false`";
    case "integer":
    case "number":
      return `${json.minimum} to ${json.maximum}`;
    case "array":
      return `a list, at most ${json.maxItems}`;
    case "object":
      return "JSON";
    default:
      return json.format === "uri" ? "a URL" : "a text";
  }
}
