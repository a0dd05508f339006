import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** What a tenant's service was told. */
export interface Told {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly [field: string]: unknown };
  isSignedWith(secret: string): boolean;
}

export interface TenantService extends AsyncDisposable {
  readonly url: string;
  readonly told: readonly Told[];
  /** Says these, one for each request; then the last of them. */
  says(...replies: readonly (ServiceReply | Promise<ServiceReply>)[]): void;
}

export type ServiceReply = { readonly status: number; readonly headers?: Record<string, string> } | object;

/** A webhook on loopback. */
export async function startTenantService(): Promise<TenantService> {
  const told: Told[] = [];
  let replies: readonly (ServiceReply | Promise<ServiceReply>)[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const { type, data } = JSON.parse(body);
    const isSignedWith = (secret: string) => isSigned(request.headers, body, secret);
    told.push({ id: String(request.headers["webhook-id"]), type, data, isSignedWith });
    const [next = { status: 204 }, ...rest] = replies;
    if (rest.length > 0) replies = rest;
    const reply = await next;
    if ("status" in reply) return void response.writeHead(reply.status, "headers" in reply ? reply.headers : {}).end();
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(reply));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    told,
    says(...said) {
      replies = said;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** As the specification says (Standard Webhooks), by other means than ours. */
function isSigned(headers: IncomingHttpHeaders, body: string, secret: string): boolean {
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  return headers["webhook-signature"] === `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
}
