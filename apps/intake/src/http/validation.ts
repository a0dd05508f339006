/** From zod's issues to field errors: the codes are ours, and no text repeats what was sent. */
import type { z } from "zod";
import { maxErrorsListed } from "./limits.ts";
import { type FieldError, ProblemError } from "./problems.ts";

type Issue = z.core.$ZodIssue;

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

/** Validates, and resolves with all errors at once. */
export function check<T>(schema: z.ZodType<T>, input: unknown): Checked<T> {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, errors: fieldErrors(parsed.error.issues as Issue[]) };
}

/** Fastify's validator: what it rejects is a ProblemError already. */
export function validatorCompiler({ schema, httpPart }: { schema: z.ZodType; httpPart?: string }) {
  return (received: unknown) => {
    // Fastify says null where there is no body.
    const input = httpPart === "body" && received === null ? undefined : received;
    if (httpPart === "body" && input === undefined && !schema.safeParse(undefined).success) {
      return { error: new ProblemError("body_required") };
    }
    const checked = check(schema, input);
    return checked.ok ? { value: checked.value } : { error: invalidRequest(checked.errors) };
  };
}

export function invalidRequest(errors: readonly FieldError[]): ProblemError {
  const [first] = errors;
  const detail = first === undefined ? undefined : `${first.path || "The body"}: ${first.detail}`;
  return new ProblemError("invalid_request", detail, { errors });
}

/** A path such as `to[3]` or `headers.X-Tag` as a JSON Pointer. */
export function pointerOfField(field: string): string {
  if (field.startsWith("headers.")) return pointer(["headers", field.slice("headers.".length)]);
  return pointer(field.split(/[.[\]]+/).filter((part) => part !== ""));
}

function fieldErrors(issues: readonly Issue[], base: readonly PropertyKey[] = []): FieldError[] {
  const errors: FieldError[] = [];
  for (const issue of issues) {
    if (errors.length >= maxErrorsListed) break;
    errors.push(...errorsOf(issue, [...base, ...issue.path]));
  }
  return errors.slice(0, maxErrorsListed);
}

function errorsOf(issue: Issue, path: readonly PropertyKey[]): FieldError[] {
  const one = (code: string, detail: string): FieldError[] => [{ path: pointer(path), code, detail }];
  switch (issue.code) {
    case "invalid_type":
      if (issue.input === undefined) return one("required", "The field is missing.");
      return one("wrong_type", `Expected ${issue.expected}.`);
    case "unrecognized_keys":
      return issue.keys.slice(0, maxErrorsListed).map((key) => ({
        path: pointer([...path, key]),
        code: "unknown_field",
        detail: "There is no such field.",
      }));
    case "too_big":
      return one(tooMuch[issue.origin] ?? "too_large", `At most ${issue.maximum}${unitOf(issue.origin)}.`);
    case "too_small":
      return one(tooLittle[issue.origin] ?? "too_small", `At least ${issue.minimum}${unitOf(issue.origin)}.`);
    case "invalid_format":
      return one("bad_format", issue.message);
    case "not_multiple_of":
      return one("not_a_multiple", `Must be a multiple of ${issue.divisor}.`);
    case "invalid_value":
      if (issue.input === undefined) return one("required", "The field is missing.");
      return one("bad_value", `Must be one of: ${issue.values.map(String).join(", ")}.`);
    case "invalid_union":
      return unionErrors(issue, path);
    case "invalid_key":
      return one("bad_format", "The name is not valid.");
    case "invalid_element":
      return fieldErrors(issue.issues as Issue[], path);
    case "custom":
      return one((issue.params?.code as string | undefined) ?? "bad_value", issue.message);
  }
}

/** Of a union's branches, the one that was meant: the first that did not fail at the type itself. */
function unionErrors(issue: z.core.$ZodIssueInvalidUnion, path: readonly PropertyKey[]): FieldError[] {
  if (issue.input === undefined) {
    return [{ path: pointer(path), code: "required", detail: "The field is missing." }];
  }
  const meant = issue.errors.find((branch) => !branch.some(isOfType));
  if (meant) return fieldErrors(meant as Issue[], path);
  return [{ path: pointer(path), code: "wrong_type", detail: "The value has none of the types allowed." }];
}

/** The value itself has another type; nothing in it was looked at. */
function isOfType(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === "invalid_union") return issue.errors.every((branch) => branch.some(isOfType));
  return issue.code === "invalid_type";
}

const tooMuch: Record<string, string> = { string: "too_long", array: "too_many", set: "too_many", map: "too_many" };
const tooLittle: Record<string, string> = { string: "too_short", array: "too_few", set: "too_few", map: "too_few" };

function unitOf(origin: string): string {
  if (origin === "string") return " characters";
  return origin === "array" || origin === "map" || origin === "set" ? " entries" : "";
}

/** RFC 6901. Names that were sent are cut, since they may be as long as a body. */
function pointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).slice(0, 80).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
