import { describe, expect, test } from "vitest";
import { checkArguments, checkParameters, type ParameterSchema, parameterLimits } from "./parameters.ts";

const object = (properties: object, more: object = {}) => ({ type: "object", properties, ...more });
const nested = (depth: number): object =>
  depth === 0 ? { type: "string" } : { type: "array", items: nested(depth - 1) };

const schemas = [
  ["no schema", 7, "", "schema_not_object"],
  ["a list", [], "", "schema_not_object"],
  ["no type", {}, ".type", "type_unknown"],
  ["several types", { type: ["string", "null"] }, ".type", "type_unknown"],
  ["arguments that are no object", { type: "string" }, ".type", "type_not_object"],
  [
    "a keyword that nobody checks",
    object({ a: { type: "string", format: "email" } }),
    ".properties.a.format",
    "keyword_unknown",
  ],
  ["a reference", object({ a: { $ref: "#" } }), ".properties.a.type", "type_unknown"],
  [
    "a keyword of another type",
    object({ a: { type: "string", minimum: 1 } }),
    ".properties.a.minimum",
    "keyword_unknown",
  ],
  ["a wrong count", object({ a: { type: "string", maxLength: -1 } }), ".properties.a.maxLength", "count_wrong"],
  ["a wrong bound", object({ a: { type: "number", maximum: "9" } }), ".properties.a.maximum", "bound_wrong"],
  ["a wrong enum", object({ a: { type: "string", enum: "x" } }), ".properties.a.enum", "enum_wrong"],
  [
    "a tenant's pattern",
    object({ a: { type: "string", pattern: "(a+)+$" } }),
    ".properties.a.pattern",
    "pattern_refused",
  ],
  ["a wrong name", object({ "a b": { type: "string" } }), ".properties", "name_wrong"],
  ["required that is not there", object({}, { required: ["a"] }), ".required", "required_wrong"],
  ["arguments of any name", object({}, { additionalProperties: true }), ".additionalProperties", "additional_refused"],
  ["an array without items", object({ a: { type: "array" } }), ".properties.a.items", "schema_not_object"],
  ["a schema too deep", object({ a: nested(9) }), ".properties.a.items.items.items.items", "schema_too_deep"],
] as const;

describe("a tool's parameters are refused for", () => {
  for (const [name, schema, field, code] of schemas) {
    test(name, () => {
      expect(checkParameters(schema, { patterns: false })).toMatchObject([{ field, code }]);
    });
  }

  test("too many properties", () => {
    const many = Array.from({ length: parameterLimits.properties + 1 }, (_, n) => [`p${n}`, { type: "string" }]);
    expect(checkParameters(object(Object.fromEntries(many)), { patterns: false })).toMatchObject([
      { code: "properties_wrong" },
    ]);
  });

  test("an operator's pattern that is none", () => {
    const schema = object({ a: { type: "string", pattern: "(" } });
    expect(checkParameters(schema, { patterns: true })).toMatchObject([{ code: "pattern_wrong" }]);
  });
});

const schema = {
  type: "object",
  required: ["order"],
  properties: {
    order: { type: "string", maxLength: 8, pattern: "^[A-Z]-\\d+$" },
    kind: { type: "string", enum: ["new", "old"] },
    count: { type: "integer", minimum: 1, maximum: 9 },
    price: { type: "number" },
    gift: { type: "boolean", const: true },
    tags: { type: "array", items: { type: "string", minLength: 1 }, maxItems: 2 },
    address: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
} as const satisfies ParameterSchema;

test("a schema of all that is known is one", () => {
  expect(checkParameters(schema, { patterns: true })).toEqual([]);
});

const given = [
  [{ order: "A-1" }, ""],
  [{ order: "A-1", kind: "new", count: 9, price: 0.5, gift: true, tags: ["x"], address: { city: "Ulm" } }, ""],
  [{}, "order: missing"],
  [null, ": type_wrong"],
  [[], ": type_wrong"],
  ["{}", ": type_wrong"],
  [{ order: 1 }, "order: type_wrong"],
  [{ order: null }, "order: type_wrong"],
  [{ order: "a-1" }, "order: pattern_not_matched"],
  [{ order: "A-1234567" }, "order: length_wrong"],
  [{ order: "A-1", kind: "older" }, "kind: not_in_enum"],
  [{ order: "A-1", count: 10 }, "count: out_of_bounds"],
  [{ order: "A-1", count: 1.5 }, "count: type_wrong"],
  [{ order: "A-1", count: "1" }, "count: type_wrong"],
  [{ order: "A-1", price: Number.NaN }, "price: type_wrong"],
  [{ order: "A-1", gift: false }, "gift: not_const"],
  [{ order: "A-1", tags: ["a", "b", "c"] }, "tags: length_wrong"],
  [{ order: "A-1", tags: [""] }, "tags[0]: length_wrong"],
  [{ order: "A-1", address: {} }, "address.city: missing"],
  [{ order: "A-1", address: { city: "Ulm", zip: 1 } }, "address.zip: unknown"],
  [{ order: "A-1", more: 1 }, "more: unknown"],
  [JSON.parse('{"order":"A-1","__proto__":{"x":1}}'), "__proto__: unknown"],
  [{ order: "A-1", constructor: 1 }, "constructor: unknown"],
  [{ order: "A-1", address: { city: "U\0lm" } }, "address.city: text_wrong"],
  [{ order: "A-1", address: { city: "U\ud800lm" } }, "address.city: text_wrong"],
] as const;

describe("arguments keep to their schema", () => {
  for (const [value, expected] of given) {
    test(`${JSON.stringify(value)}: ${expected || "yes"}`, () => {
      expect(checkArguments(schema, value).map(({ field, code }) => `${field}: ${code}`)).toEqual(
        expected ? [expected] : [],
      );
    });
  }
});
