/**
 * The part of JSON Schema in which tools say what arguments they take.
 *
 * A keyword that is not known here is refused when the tool is defined, and an argument that the schema does not name
 * is refused when it is called: a rule that nobody checks would be worse than none.
 */

export interface ToolParameters extends ParameterSchema {
  readonly type: "object";
}

export interface ParameterSchema {
  readonly type: "object" | "array" | "string" | "number" | "integer" | "boolean";
  readonly title?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, ParameterSchema>>;
  readonly required?: readonly string[];
  /** False, said or not. */
  readonly additionalProperties?: false;
  readonly items?: ParameterSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  /** `parameterLimits.stringLength` where it is absent. */
  readonly maxLength?: number;
  /** The operator's only: a tenant's could keep the process busy for ever. */
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface ParameterProblem {
  /** Below the schema or the arguments, such as `.properties.order`; empty for the whole. */
  readonly field: string;
  readonly code: string;
  readonly detail: string;
}

export const parameterLimits = { depth: 5, properties: 50, stringLength: 4_000, items: 100, enum: 200 } as const;

const types = ["object", "array", "string", "number", "integer", "boolean"] as const;
const anyKeywords = ["type", "title", "description", "enum", "const"];
const keywords: Readonly<Record<string, readonly string[]>> = {
  object: ["properties", "required", "additionalProperties"],
  array: ["items", "minItems", "maxItems"],
  string: ["minLength", "maxLength", "pattern"],
  number: ["minimum", "maximum"],
  integer: ["minimum", "maximum"],
  boolean: [],
};
const name = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
const counts = ["minItems", "maxItems", "minLength", "maxLength"] as const;

/** Whether a schema is one that we can keep to. Empty: it is. */
export function checkParameters(schema: unknown, allow: { readonly patterns: boolean }): readonly ParameterProblem[] {
  const problems = schemaProblems(schema, "", 1, allow.patterns);
  if (problems.length === 0 && (schema as ParameterSchema).type !== "object") {
    return [{ field: ".type", code: "type_not_object", detail: "A tool's arguments are an object." }];
  }
  return problems;
}

function schemaProblems(schema: unknown, field: string, depth: number, patterns: boolean): ParameterProblem[] {
  const problem = (at: string, code: string, detail: string): ParameterProblem => ({ field: field + at, code, detail });
  if (!isRecord(schema)) return [problem("", "schema_not_object", "A schema is an object.")];
  if (depth > parameterLimits.depth) {
    return [problem("", "schema_too_deep", `Schemas nest at most ${parameterLimits.depth} deep.`)];
  }
  const type = types.find((known) => known === schema.type);
  if (!type) return [problem(".type", "type_unknown", `The type is one of ${types.join(", ")}.`)];

  const problems = Object.keys(schema)
    .filter((keyword) => !anyKeywords.includes(keyword) && !keywords[type]?.includes(keyword))
    .map((keyword) => problem(`.${keyword}`, "keyword_unknown", `${keyword} is not checked for a ${type}.`));
  for (const count of counts) {
    const value = schema[count];
    if (value !== undefined && !(Number.isInteger(value) && (value as number) >= 0)) {
      problems.push(problem(`.${count}`, "count_wrong", "A count is a whole number, 0 or more."));
    }
  }
  for (const bound of ["minimum", "maximum"] as const) {
    if (schema[bound] !== undefined && typeof schema[bound] !== "number") {
      problems.push(problem(`.${bound}`, "bound_wrong", "A bound is a number."));
    }
  }
  if (schema.enum !== undefined && !(Array.isArray(schema.enum) && schema.enum.length <= parameterLimits.enum)) {
    problems.push(problem(".enum", "enum_wrong", `enum is a list of at most ${parameterLimits.enum} values.`));
  }
  if (type === "string" && schema.pattern !== undefined)
    problems.push(...patternProblems(schema.pattern, field, patterns));
  if (type === "array") problems.push(...schemaProblems(schema.items, `${field}.items`, depth + 1, patterns));
  if (type === "object") problems.push(...objectProblems(schema, field, depth, patterns));
  return problems;
}

function patternProblems(pattern: unknown, field: string, allowed: boolean): ParameterProblem[] {
  const at = `${field}.pattern`;
  if (!allowed) {
    return [{ field: at, code: "pattern_refused", detail: "Patterns are the operator's; use enum or maxLength." }];
  }
  try {
    new RegExp(String(pattern), "u");
    return [];
  } catch {
    return [{ field: at, code: "pattern_wrong", detail: "The pattern is no regular expression." }];
  }
}

function objectProblems(
  schema: Readonly<Record<string, unknown>>,
  field: string,
  depth: number,
  patterns: boolean,
): ParameterProblem[] {
  const { properties = {}, required = [], additionalProperties = false } = schema;
  if (!isRecord(properties) || Object.keys(properties).length > parameterLimits.properties) {
    const detail = `properties is an object of at most ${parameterLimits.properties}.`;
    return [{ field: `${field}.properties`, code: "properties_wrong", detail }];
  }
  const problems = Object.entries(properties).flatMap(([key, property]) =>
    name.test(key)
      ? schemaProblems(property, `${field}.properties.${key}`, depth + 1, patterns)
      : [
          {
            field: `${field}.properties`,
            code: "name_wrong",
            detail: "A name is letters, digits, - and _, at most 64.",
          },
        ],
  );
  if (!(Array.isArray(required) && required.every((key) => Object.hasOwn(properties, key as string)))) {
    problems.push({ field: `${field}.required`, code: "required_wrong", detail: "required is a list of properties." });
  }
  if (additionalProperties !== false) {
    const detail = "An argument that no property names is always refused.";
    problems.push({ field: `${field}.additionalProperties`, code: "additional_refused", detail });
  }
  return problems;
}

/** Whether arguments keep to a checked schema. Empty: they do. The details are for the model that chose them. */
export function checkArguments(schema: ParameterSchema, value: unknown, field = ""): readonly ParameterProblem[] {
  const problem = (code: string, detail: string): ParameterProblem[] => [{ field, code, detail }];
  if (typeOf(value, schema.type) !== schema.type) return problem("type_wrong", `must be of type ${schema.type}`);
  if (schema.enum && !schema.enum.some((one) => same(one, value)))
    return problem("not_in_enum", "is none of the values");
  if (schema.const !== undefined && !same(schema.const, value)) return problem("not_const", "is not the one value");
  switch (schema.type) {
    case "string":
      return stringProblems(schema, value as string, problem);
    case "number":
    case "integer":
      return (value as number) < (schema.minimum ?? Number.NEGATIVE_INFINITY) ||
        (value as number) > (schema.maximum ?? Number.POSITIVE_INFINITY)
        ? problem("out_of_bounds", "is out of bounds")
        : [];
    case "boolean":
      return [];
    case "array": {
      const { items, minItems = 0, maxItems = parameterLimits.items } = schema;
      const list = value as readonly unknown[];
      if (list.length < minItems || list.length > maxItems) return problem("length_wrong", "has the wrong length");
      return list.flatMap((one, index) => (items ? checkArguments(items, one, `${field}[${index}]`) : []));
    }
    case "object":
      return argumentsProblems(schema, value as Readonly<Record<string, unknown>>, field);
  }
}

function argumentsProblems(
  { properties = {}, required = [] }: ParameterSchema,
  value: Readonly<Record<string, unknown>>,
  field: string,
): ParameterProblem[] {
  const at = (key: string) => (field ? `${field}.${key}` : key);
  const missing = required
    .filter((key) => !Object.hasOwn(value, key))
    .map((key) => ({ field: at(key), code: "missing", detail: "is required" }));
  const given = Object.entries(value).flatMap(([key, one]): readonly ParameterProblem[] => {
    const schema = Object.hasOwn(properties, key) ? properties[key] : undefined;
    return schema
      ? checkArguments(schema, one, at(key))
      : [{ field: at(key.slice(0, 64)), code: "unknown", detail: "is no argument of this tool" }];
  });
  return [...missing, ...given];
}

function stringProblems(
  { minLength = 0, maxLength = parameterLimits.stringLength, pattern }: ParameterSchema,
  value: string,
  problem: (code: string, detail: string) => ParameterProblem[],
): ParameterProblem[] {
  if (value.length < minLength || value.length > maxLength) return problem("length_wrong", "has the wrong length");
  if (value.includes("\0") || !value.isWellFormed()) return problem("text_wrong", "is not plain text");
  return pattern !== undefined && !new RegExp(pattern, "u").test(value)
    ? problem("pattern_not_matched", "is not of the form that the tool takes")
    : [];
}

function typeOf(value: unknown, wanted: ParameterSchema["type"]): string {
  if (Array.isArray(value)) return "array";
  if (value === null) return "null";
  if (typeof value === "number" && !Number.isFinite(value)) return "nothing";
  if (Number.isInteger(value) && wanted === "integer") return "integer";
  return typeof value;
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
