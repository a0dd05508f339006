import { afterAll, beforeAll, expect, test } from "vitest";
import { fieldCodes, problems } from "./problems.ts";
import { type RunningIntake, runIntake } from "./testing/running-intake.ts";

let running: RunningIntake;
// biome-ignore lint/suspicious/noExplicitAny: the document is looked into as a client would.
let document: any;

beforeAll(async () => {
  running = await runIntake();
  document = (await running.ask("GET", "/openapi.json", { key: "" })).body;
});
afterAll(() => running[Symbol.asyncDispose]());

const operations = () =>
  Object.entries<Record<string, unknown>>(document.paths).flatMap(([path, methods]) =>
    // biome-ignore lint/suspicious/noExplicitAny: likewise.
    Object.entries<any>(methods).map(([method, operation]) => ({ path, method, operation })),
  );

test("the document is OpenAPI 3.1 and has every route of the contract", () => {
  expect(document.openapi).toBe("3.1.0");
  const routes = operations().map(({ path, method }) => `${method} ${path}`);
  expect(routes.filter((route) => !route.startsWith("head ")).sort()).toEqual([
    "delete /v1/accounts/{id}",
    "delete /v1/mailboxes/{id}",
    "delete /v1/messages/{id}",
    "delete /v1/suppressions/{address}",
    "delete /v1/tenants/{id}",
    "delete /v1/tenants/{id}/keys/{key}",
    "get /health/live",
    "get /health/ready",
    "get /v1/accounts",
    "get /v1/accounts/{id}",
    "get /v1/answering",
    "get /v1/command-log",
    "get /v1/dead-letters",
    "get /v1/deliveries",
    "get /v1/deliveries/{id}",
    "get /v1/inbound",
    "get /v1/inbound/{id}",
    "get /v1/inbound/{id}/attachments",
    "get /v1/inbound/{id}/attachments/{n}",
    "get /v1/inbound/{id}/content",
    "get /v1/mailboxes",
    "get /v1/mailboxes/{id}",
    "get /v1/messages",
    "get /v1/messages/{id}",
    "get /v1/scale/{pool}",
    "get /v1/stats",
    "get /v1/suppressions",
    "get /v1/suppressions/{address}",
    "get /v1/tenants",
    "get /v1/tenants/{id}",
    "get /v1/tenants/{id}/keys",
    "post /v1/accounts/{id}/verify",
    "post /v1/answering/start",
    "post /v1/answering/stop",
    "post /v1/deliveries/{id}/release",
    "post /v1/deliveries/{id}/resend",
    "post /v1/dispatch/run",
    "post /v1/inbound/requeue",
    "post /v1/inbound/{id}/approve",
    "post /v1/inbound/{id}/reject",
    "post /v1/inbound/{id}/requeue",
    "post /v1/mailboxes/{id}/backfill",
    "post /v1/mailboxes/{id}/resume",
    "post /v1/mailboxes/{id}/start-answering",
    "post /v1/mailboxes/{id}/stop-answering",
    "post /v1/mailboxes/{id}/try",
    "post /v1/mailboxes/{id}/verify",
    "post /v1/messages",
    "post /v1/messages/batch",
    "post /v1/tenants/{id}/activate",
    "post /v1/tenants/{id}/keys",
    "post /v1/tenants/{id}/suspend",
    "put /v1/accounts/{id}",
    "put /v1/mailboxes/{id}",
    "put /v1/suppressions/{address}",
    "put /v1/tenants/{id}",
  ]);
});

test("every reference leads to a schema, every schema is one, and every path parameter is described", () => {
  const references: string[] = [];
  const schemaTypes = new Set<unknown>();
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (name === "$ref") references.push(inner as string);
      if (name === "type" && typeof inner === "string") schemaTypes.add(inner);
      walk(inner);
    }
  };
  walk(document.paths);
  walk(document.components.schemas);
  expect(references.length).toBeGreaterThan(20);
  for (const reference of references) {
    expect(document.components.schemas).toHaveProperty([reference.replace("#/components/schemas/", "")]);
  }
  const known = ["string", "number", "integer", "boolean", "object", "array", "null", "http"];
  expect([...schemaTypes].filter((type) => !known.includes(type as string))).toEqual([]);
  for (const { path, method, operation } of operations()) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const described = (operation.parameters ?? []).filter((one: { in: string }) => one.in === "path");
    expect([method, path, described.map((one: { name: string }) => one.name)]).toEqual([method, path, named]);
    expect(Object.keys(operation.responses).length).toBeGreaterThan(0);
  }
});

test("requests are closed, and what they need is said", () => {
  const message = document.components.schemas.MessageFieldsInput;
  expect(message.additionalProperties).toBe(false);
  expect(message.required).toEqual(["from"]);
  expect(Object.keys(message.properties)).toEqual(expect.arrayContaining(["to", "sendAt", "inDoubt", "metadata"]));
  expect(document.paths["/v1/messages"].post.parameters.map((one: { name: string }) => one.name)).toEqual([
    "Mailfleet-Tenant",
    "Idempotency-Key",
  ]);
  expect(document.paths["/health/live"].get.security).toEqual([]);
});

test("every code stands in the document", () => {
  for (const code of [...Object.keys(problems), ...Object.keys(fieldCodes)]) {
    expect(document.info.description).toContain(`\`${code}\``);
  }
});

test("the page asks nobody outside", async () => {
  const response = await fetch(`${running.intake.apiUrl}/docs/`);
  expect(response.status).toBe(200);
  const policy = response.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toMatch(/https?:\/\//);
});
