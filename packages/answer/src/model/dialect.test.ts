import { expect, test } from "vitest";
import { inDialect } from "./dialect.ts";

const endpoints = [
  ["https://api.openai.com/v1", "max_completion_tokens"],
  ["https://acme.openai.azure.com/openai/v1", "max_completion_tokens"],
  ["https://models.example/v1", "max_tokens"],
  ["https://openai.com.models.example/v1", "max_tokens"],
] as const;

for (const [endpoint, name] of endpoints) {
  test(`${endpoint} is told its limit as ${name}`, () => {
    expect(inDialect(endpoint, { model: "m", max_tokens: 9 })).toEqual({ model: "m", [name]: 9 });
  });
}
