/**
 * A server that speaks OpenAI's chat protocol and says what a test tells it to: text, calls of tools, errors, silence,
 * nonsense. It keeps what it was asked.
 */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { listeningPort } from "./listening-port.ts";

export interface ModelServer extends AsyncDisposable {
  /** The base that clients add `/chat/completions` to. */
  readonly url: string;
  readonly requests: readonly AskedModel[];
  /** Says these, one for each request, in their order; then what `says` was told last. */
  script(...replies: ScriptedReply[]): void;
  /** Says this from now on, where no script is left. */
  says(reply: ScriptedReply | ((asked: AskedModel) => ScriptedReply)): void;
  /** Resolves once `n` requests have come; rejects when that takes too long. */
  asked(n: number, withinMs?: number): Promise<readonly AskedModel[]>;
}

export interface AskedModel {
  readonly headers: IncomingHttpHeaders;
  readonly body: ChatRequest;
}

/** What a client sends, as far as tests look at it. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly {
    readonly role: "system" | "user" | "assistant" | "tool";
    readonly content:
      | string
      | null
      | readonly { readonly type: string; readonly text?: string; readonly image_url?: { readonly url: string } }[];
    readonly tool_calls?: readonly {
      readonly id: string;
      readonly function: { readonly name: string; readonly arguments: string };
    }[];
    readonly tool_call_id?: string;
  }[];
  readonly tools?: readonly {
    readonly function: { readonly name: string; readonly description?: string; readonly parameters: unknown };
  }[];
  readonly max_tokens?: number;
  readonly temperature?: number;
}

export interface ScriptedReply {
  readonly text?: string;
  /** Arguments that are text go out as they are, whether they are JSON or not. */
  readonly calls?: readonly { readonly name: string; readonly arguments: unknown }[];
  /** `stop`, or `tool_calls` where there are some, where it is absent. */
  readonly finish?: string;
  /** 100 and 20 where it is absent; null: the server does not say. */
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  /** 200 where it is absent; above 299, an error in OpenAI's form. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of all that. */
  readonly raw?: string;
  /** Is waited for before anything is said. */
  readonly after?: Promise<unknown>;
  /** `silence`: says nothing until the client goes away. `cut`: hangs up in the middle of the reply. */
  readonly fault?: "silence" | "cut";
}

export async function startModelServer(options: { readonly port?: number } = {}): Promise<ModelServer> {
  const requests: AskedModel[] = [];
  const scripted: ScriptedReply[] = [];
  let standing: (asked: AskedModel) => ScriptedReply = () => ({ text: "Thank you for your message." });
  const waiting = new Set<() => void>();

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.method !== "POST" || !request.url?.endsWith("/chat/completions")) {
      return void response.writeHead(404).end();
    }
    const asked = { headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) };
    requests.push(asked);
    for (const look of waiting) look();
    await say(response, scripted.shift() ?? standing(asked));
  };
  const port = await listeningPort(server, options.port ?? 0);

  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    script: (...replies) => void scripted.push(...replies),
    says: (reply) => {
      standing = typeof reply === "function" ? reply : () => reply;
    },
    asked: (n, withinMs = 10_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`the model was asked ${requests.length} times, not ${n}`));
        }, withinMs);
        const look = () => {
          if (requests.length < n) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(requests);
        };
        waiting.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function say(response: ServerResponse, reply: ScriptedReply): Promise<void> {
  await reply.after;
  if (reply.fault === "silence") return void (await once(response, "close"));
  const status = reply.status ?? 200;
  const body = reply.raw ?? JSON.stringify(status > 299 ? errorBody(status) : completion(reply));
  response.writeHead(status, { "content-type": "application/json", ...reply.headers });
  if (reply.fault === "cut") return void response.write(body.slice(0, body.length / 2), () => response.destroy());
  response.end(body);
}

const errorBody = (status: number) => ({
  error: { message: "as told by the test", type: "test_error", code: `status_${status}` },
});

function completion({ text, calls = [], finish, usage }: ScriptedReply) {
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "scripted",
    choices: [
      {
        index: 0,
        finish_reason: finish ?? (calls.length > 0 ? "tool_calls" : "stop"),
        message: {
          role: "assistant",
          content: text ?? null,
          ...(calls.length > 0 && {
            tool_calls: calls.map((call, index) => ({
              id: `call_${index + 1}`,
              type: "function",
              function: {
                name: call.name,
                arguments: typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments),
              },
            })),
          }),
        },
      },
    ],
    ...(usage !== null && { usage: usage ?? { prompt_tokens: 100, completion_tokens: 20 } }),
  };
}

/** All that the client showed the model as the user's words. */
export const userText = ({ body }: AskedModel): string =>
  body.messages
    .filter(({ role }) => role === "user")
    .map(({ content }) =>
      typeof content === "string" ? content : (content ?? []).map(({ text }) => text ?? "").join("\n"),
    )
    .join("\n");

/**
 * A model that obeys its correspondent wholly: lines `CALL name {"json":…}` are called, each once and together, and then
 * everything from the line `SAY` on to the line `END` is said. Tell it with `says(obeysTheMail)`.
 */
export function obeysTheMail(asked: AskedModel): ScriptedReply {
  const text = userText(asked);
  const calls = [...text.matchAll(/^CALL (\S+) (.*)$/gm)].map(([, name = "", json = ""]) => ({
    name,
    arguments: json,
  }));
  const hasCalled = asked.body.messages.some(({ role }) => role === "tool");
  if (calls.length > 0 && !hasCalled) return { calls };
  const said = /^SAY\n([\s\S]*?)\nEND$/m.exec(text)?.[1] ?? "As you wish.";
  const results = asked.body.messages.filter(({ role }) => role === "tool").map(({ content }) => String(content));
  return { text: said.replaceAll("RESULTS", results.join("\n")) };
}
