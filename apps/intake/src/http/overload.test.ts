import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HttpLimits, httpLimits, openBudget } from "./limits.ts";
import { ProblemError } from "./problems.ts";
import { type RunningIntake, runIntake } from "./testing/running-intake.ts";

const hello = { from: "ann@acme.test", to: "bob@peer.test", text: "Hi" };
const mebibyte = 1024 * 1024;

describe("the budget", () => {
  const limits: HttpLimits = {
    ...httpLimits,
    bodyBytes: 40,
    inFlightBytes: 100,
    inFlightRequests: 4,
    tenantShare: 0.5,
  };
  const codeOf = (work: () => unknown): string => {
    try {
      work();
      return "fine";
    } catch (error) {
      return error instanceof ProblemError ? error.code : String(error);
    }
  };

  test("refuses requests and bytes beyond its limits, and has room again once they are answered", () => {
    const budget = openBudget(limits);
    const shares = [budget.admit(), budget.admit(), budget.admit(), budget.admit()];
    expect(codeOf(() => budget.admit())).toBe("overloaded");
    shares[0]?.take(60);
    expect(codeOf(() => shares[1]?.take(41))).toBe("overloaded");
    expect(codeOf(() => shares[1]?.expect(41))).toBe("overloaded");
    expect(codeOf(() => shares[1]?.take(40))).toBe("fine");
    for (const share of shares) {
      share.release();
      share.release();
    }
    expect([budget.requests, budget.bytes]).toEqual([0, 0]);
  });

  test("leaves room for others, however much one tenant asks for", () => {
    const budget = openBudget(limits);
    const [first, second, third] = [budget.admit(), budget.admit(), budget.admit()];
    first.ofTenant("greedy");
    second.ofTenant("greedy");
    expect(codeOf(() => third.ofTenant("greedy"))).toBe("tenant_busy");
    expect(codeOf(() => third.ofTenant("modest"))).toBe("fine");
    first.take(50);
    expect(codeOf(() => second.take(1))).toBe("tenant_busy");
    expect(codeOf(() => third.take(40))).toBe("fine");
  });
});

describe("under overload", () => {
  let running: RunningIntake;
  let key: string;

  beforeAll(async () => {
    running = await runIntake({ apiMaxBodyBytes: mebibyte, apiMaxInFlightBytes: 2 * mebibyte, apiMaxRequests: 4 });
    ({ key } = await running.makeTenant("acme"));
  });
  afterAll(() => running[Symbol.asyncDispose]());

  /** A request that was let in, and whose body begins and then waits. */
  async function slowRequest() {
    const { port } = new URL(running.intake.apiUrl);
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json", "content-length": 100 };
    const sent = request({
      port,
      method: "POST",
      path: "/v1/messages",
      headers: { ...headers, expect: "100-continue" },
    });
    sent.flushHeaders();
    await once(sent, "continue");
    sent.on("error", () => {});
    sent.write("{");
    return sent;
  }

  test("a tenant that holds its share is told to come back, and is served when it has let go", async () => {
    const submit = () => running.ask("POST", "/v1/messages", { key, body: hello });
    expect((await submit()).status).toBe(202);
    const held = [await slowRequest(), await slowRequest()];
    const refused = await submit();
    expect([refused.status, refused.body.code, refused.headers.get("retry-after")]).toEqual([429, "tenant_busy", "1"]);
    for (const one of held) one.destroy();
    await expect.poll(async () => (await submit()).status, { timeout: 5_000 }).toBe(202);
  });

  test("a body in pieces without a length is held to the same limit", async () => {
    const { port } = new URL(running.intake.apiUrl);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request({
        port,
        method: "POST",
        path: "/v1/messages",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "transfer-encoding": "chunked" },
      });
      sent.on("response", (response) => {
        resolve(response.statusCode);
        sent.destroy();
      });
      sent.on("error", reject);
      sent.write(Buffer.alloc(mebibyte + 1, "["));
    });
    expect(status).toBe(413);
  });

  test.each([
    ["NONSENSE\r\n\r\n", 400, "malformed_request"],
    [`GET /health/live HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, 431, "header_too_large"],
    [
      "GET /health/live HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      400,
      "malformed_request",
    ],
  ])("%# what is not HTTP is answered as a problem", async (text, status, code) => {
    const { port, hostname } = new URL(running.intake.apiUrl);
    const answer = await new Promise<string>((resolve, reject) => {
      let heard = "";
      const socket = connect({ port: Number(port), host: hostname }, () => socket.write(text));
      socket.setTimeout(5_000, () => reject(new Error("no answer")));
      socket.on("data", (chunk) => {
        heard += chunk;
      });
      socket.on("close", () => resolve(heard));
      socket.on("error", reject);
    });
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))).code).toBe(code);
  });
});
