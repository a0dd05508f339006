import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { makeCertificate } from "@mailfleet/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkUrl, type EgressRules, guardedFetch } from "./egress.ts";

const strict: EgressRules = { allowHosts: [], allowPrivateNetworks: false };
const inside: EgressRules = { allowHosts: [], allowPrivateNetworks: true };
const limits = { method: "POST", timeoutMs: 5_000, maxResponseBytes: 1_000 } as const;

/** Its port, and how many connections it has had. */
async function listen(server: Server) {
  const seen = { port: 0, connections: 0 };
  server.on("connection", () => seen.connections++);
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  seen.port = (server.address() as AddressInfo).port;
  onTestFinished(() => void server.close());
  return seen;
}

const serve = (listener: RequestListener) => listen(createHttpServer(listener));
const text = (body: Uint8Array) => Buffer.from(body).toString();

describe("what the operator has not allowed is refused before anything is sent", () => {
  const refused = [
    ["ftp://example.org/", "url_refused"],
    ["not a url", "url_refused"],
    ["http://example.org/", "url_refused"],
    ["https://ann:secret@example.org/", "url_refused"],
    ["https://127.0.0.1/", "address_refused"],
    ["https://2130706433/", "address_refused"],
    ["https://0x7f.1/", "address_refused"],
    ["https://127.0.0.1./", "address_refused"],
    ["https://[::1]/", "address_refused"],
    ["https://[::ffff:127.0.0.1]/", "address_refused"],
    ["https://169.254.169.254/latest/meta-data", "address_refused"],
    ["https://localhost/", "address_refused"],
  ] as const;
  for (const [url, code] of refused) {
    test(`${url}: ${code}`, async () => {
      expect(await guardedFetch(strict, { ...limits, url })).toMatchObject({ ok: false, permanent: true, code });
    });
  }

  test("a name is judged by the address that it leads to, where the connection is made", async () => {
    const server = await serve((_request, response) => response.end());
    const url = `https://localhost:${server.port}/`;
    expect(checkUrl(strict, url)).toBeUndefined();
    expect(await guardedFetch(strict, { ...limits, url })).toMatchObject({ code: "address_refused" });
    expect(server.connections).toBe(0);
  });

  test("link-local addresses are no private network", async () => {
    expect(checkUrl(inside, "http://169.254.169.254/latest/meta-data")).toMatchObject({ code: "address_refused" });
    expect(checkUrl({ ...strict, allowHosts: ["169.254.169.254"] }, "http://169.254.169.254/")).toBeUndefined();
  });

  test("a host is allowed by its name, or by name and port", async () => {
    const server = await serve((_request, response) => response.end("here"));
    const url = `http://localhost:${server.port}/`;
    for (const host of ["localhost", `localhost:${server.port}`]) {
      expect(await guardedFetch({ ...strict, allowHosts: [host] }, { ...limits, url })).toMatchObject({ status: 200 });
    }
    const other = { ...strict, allowHosts: ["localhost:1", "example.org"] };
    expect(await guardedFetch(other, { ...limits, url })).toMatchObject({ code: "url_refused" });
  });
});

test("a request and its response pass as they are", async () => {
  const server = await serve((request, response) => {
    request.setEncoding("utf8");
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      response.writeHead(418, { "x-told": `${request.method} ${request.url} ${request.headers["x-asked"]}` });
      response.end(body);
    });
  });
  const url = `http://127.0.0.1:${server.port}/tea?hot=1`;
  const result = await guardedFetch(inside, { ...limits, url, headers: { "x-asked": "yes" }, body: "pöt" });
  expect(result).toMatchObject({ ok: true, status: 418, headers: { "x-told": "POST /tea?hot=1 yes" } });
  expect(result.ok && text(result.body)).toBe("pöt");
});

test("a redirect is not followed", async () => {
  const server = await serve((_request, response) => response.writeHead(307, { location: "/elsewhere" }).end());
  const result = await guardedFetch(inside, { ...limits, url: `http://127.0.0.1:${server.port}/` });
  expect(result).toMatchObject({ ok: true, status: 307 });
  expect(server.connections).toBe(1);
});

test("a certificate that nobody vouches for ends the connection", async () => {
  const server = await listen(createHttpsServer(await makeCertificate(), (_request, response) => response.end()));
  const result = await guardedFetch(inside, { ...limits, url: `https://localhost:${server.port}/` });
  expect(result).toMatchObject({ ok: false, code: "unreachable", permanent: false });
  expect(result).toHaveProperty("detail", expect.stringContaining("SELF_SIGNED_CERT"));
});

describe("a response has limits", () => {
  test("of announced length", async () => {
    const server = await serve((_request, response) => response.writeHead(200, { "content-length": 1_001 }).write("x"));
    const result = await guardedFetch(inside, { ...limits, url: `http://127.0.0.1:${server.port}/` });
    expect(result).toMatchObject({ ok: false, code: "response_too_large" });
  });

  test("of length as it comes, without waiting for its end", async () => {
    const server = await serve((_request, response) => response.write("x".repeat(1_001)));
    const result = await guardedFetch(inside, { ...limits, url: `http://127.0.0.1:${server.port}/` });
    expect(result).toMatchObject({ ok: false, code: "response_too_large" });
  });

  test("of encodings, so that few bytes cannot become many", async () => {
    const server = await serve((_request, response) => response.writeHead(200, { "content-encoding": "gzip" }).end());
    const result = await guardedFetch(inside, { ...limits, url: `http://127.0.0.1:${server.port}/` });
    expect(result).toMatchObject({ ok: false, code: "response_encoded" });
  });

  for (const [name, listener] of [
    ["a header that does not come", () => {}],
    ["a body that does not end", (_request, response) => response.write("x")],
  ] satisfies [string, RequestListener][]) {
    test(`of time: ${name}`, async () => {
      const server = await serve(listener);
      const url = `http://127.0.0.1:${server.port}/`;
      expect(await guardedFetch(inside, { ...limits, url, timeoutMs: 50 })).toMatchObject({ code: "timeout" });
    });
  }
});

test("a connection that is refused, or cut, is trouble that may pass", async () => {
  const cutting = createTcpServer((socket) => socket.resume().end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"));
  const { port } = await listen(cutting);
  const url = `http://127.0.0.1:${port}/`;
  expect(await guardedFetch(inside, { ...limits, url })).toMatchObject({ code: "unreachable", permanent: false });
  await new Promise((closed) => cutting.close(closed));
  expect(await guardedFetch(inside, { ...limits, url })).toMatchObject({
    code: "unreachable",
    detail: `127.0.0.1:${port}: ECONNREFUSED`,
  });
});

test("an abort rejects with its reason, before and during a request", async () => {
  const abort = new AbortController();
  const reason = new Error("drained");
  const server = await serve(() => abort.abort(reason));
  const request = { ...limits, url: `http://127.0.0.1:${server.port}/`, signal: abort.signal };
  await expect(guardedFetch(inside, request)).rejects.toBe(reason);
  await expect(guardedFetch(inside, request)).rejects.toBe(reason);
  expect(server.connections).toBe(1);
});
