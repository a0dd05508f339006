import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listen } from "@mailfleet/service";
import type { KeptMessage, LetterBox } from "./letter-box.ts";
import { listPage, messagePage } from "./page.ts";
import { pageScript, pageStyle } from "./page-assets.ts";
import { type Reading, read } from "./reading.ts";

/** The page that shows what the demo next hop has taken. */
export interface InboxPage extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

const host = "127.0.0.1";
const requestTimeoutMs = 5_000;
const maxConnections = 100;

/** Nothing from anywhere else, and no script but ours: the page shows whatever mail brings. */
const pagePolicy =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
const mailPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";

/** Serves `/`, `/messages/{n}` (and its `/html` and `/source`) and `/messages.json?limit=`, on loopback only. */
export async function startInboxPage(
  box: LetterBox,
  { port, setting }: { readonly port: number; readonly setting: string },
): Promise<InboxPage> {
  const server = createServer((request, response) => {
    answer(box, request, response).catch(() => {
      if (!response.headersSent) send(response, 500, "text/plain", "internal error\n");
    });
  });
  server.requestTimeout = requestTimeoutMs;
  server.maxConnections = maxConnections;
  const taken = await listen(server, host, port, setting);
  return {
    port: taken,
    url: `http://${host}:${taken}/`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(box: LetterBox, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // A page elsewhere could otherwise read the mail by a name of its own that resolves to 127.0.0.1.
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(request.headers.host ?? "")) {
    return send(response, 421, "text/plain", "this page answers to 127.0.0.1 only\n");
  }
  if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, "text/plain", "GET only\n");

  const { pathname, searchParams } = new URL(request.url ?? "/", `http://${host}`);
  switch (pathname) {
    case "/": {
      const entries = await Promise.all(box.list().map(async (message) => ({ message, reading: await read(message) })));
      return send(response, 200, "text/html", listPage(entries, box.count()));
    }
    case "/messages.json": {
      const limit = Number(searchParams.get("limit") ?? 50);
      const shown = Number.isInteger(limit) && limit >= 0 ? box.list().slice(0, limit) : [];
      const items = await Promise.all(shown.map(async (message) => toJson(message, await read(message))));
      return send(response, 200, "application/json", `${JSON.stringify({ count: box.count(), items })}\n`);
    }
    case "/page.css":
      return send(response, 200, "text/css", pageStyle);
    case "/page.js":
      return send(response, 200, "text/javascript", pageScript);
  }

  const [, number, part] = /^\/messages\/(\d{1,15})(?:\/(html|source))?$/.exec(pathname) ?? [];
  const message = number === undefined ? undefined : box.get(Number(number));
  if (!message) return send(response, 404, "text/plain", "no such page, or a message forgotten since\n");
  const reading = await read(message);
  switch (part) {
    case "html":
      return send(response, 200, "text/html", reading.html, mailPolicy);
    case "source":
      return send(response, 200, "text/plain", message.content, mailPolicy);
    default:
      return send(response, 200, "text/html", messagePage({ message, reading }));
  }
}

const toJson = (message: KeptMessage, { from, to, subject, messageId, text }: Reading) => ({
  number: message.number,
  at: message.at.toISOString(),
  reversePath: message.reversePath,
  recipients: message.recipients,
  sizeBytes: message.content.length,
  ...{ from, to, subject, messageId, text },
});

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
  policy = pagePolicy,
): void {
  response
    .writeHead(status, {
      "content-type": `${type}; charset=utf-8`,
      "content-security-policy": policy,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    })
    .end(body);
}
