/** Submits mail over HTTP: batches as fast as they are taken, or single messages at a steady rate. */
import { Agent, request } from "node:http";

export interface HttpSource {
  readonly url: string;
  readonly key: string;
  readonly seconds: number;
  /** The body text of each message. */
  readonly text: string;
  /** Messages of each batch, on so many connections. */
  readonly batch?: { readonly size: number; readonly connections: number };
  /** Single messages in each second, whatever the answers take; the first `warmSeconds` are not counted. */
  readonly steady?: { readonly perSecond: number; readonly warmSeconds: number };
}

const { url, key, seconds, text, batch, steady }: HttpSource = JSON.parse(process.argv[2] as string);
const agent = new Agent({ keepAlive: true, maxSockets: batch?.connections ?? 64 });
const message = (n: number) => ({ from: "from@bench.example", to: [`r${n}@sink.example`], subject: "bench", text });
const began = performance.now();
const overloadWaitMs = 50;
let made = 0;
let accepted = 0;
let refused = 0;
const latenciesMs: number[] = [];

if (batch) await Promise.all(Array.from({ length: batch.connections }, () => sendBatches(batch.size)));
if (steady) await sendSteadily(steady.perSecond, steady.warmSeconds);
process.send?.({ accepted, refused, latenciesMs });
process.disconnect?.();
agent.destroy();

async function sendBatches(size: number): Promise<void> {
  while (performance.now() - began < seconds * 1_000) {
    const body = JSON.stringify({ messages: Array.from({ length: size }, () => message(made++)) });
    const answer = await post("/v1/messages/batch", body);
    if (answer.status === 202) accepted += JSON.parse(answer.body).accepted.length;
    else if (answer.status === 429 || answer.status === 503) {
      refused++;
      await new Promise((resolve) => setTimeout(resolve, overloadWaitMs));
    } else throw new Error(`${answer.status} ${answer.body.slice(0, 500)}`);
  }
}

async function sendSteadily(perSecond: number, warmSeconds: number): Promise<void> {
  const underWay: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - began;
      if (elapsedMs > seconds * 1_000) {
        clearInterval(timer);
        resolve();
      } else while (made < (elapsedMs / 1_000) * perSecond) underWay.push(sendOne(elapsedMs > warmSeconds * 1_000));
    }, 1);
  });
  await Promise.all(underWay);
}

async function sendOne(isCounted: boolean): Promise<void> {
  const body = JSON.stringify(message(made++));
  const sent = performance.now();
  const { status } = await post("/v1/messages", body);
  if (status !== 202) refused++;
  else accepted++;
  if (isCounted) latenciesMs.push(performance.now() - sent);
}

function post(path: string, body: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    };
    const asked = request(`${url}${path}`, { method: "POST", agent, headers }, (answer) => {
      let heard = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk) => {
        heard += chunk;
      });
      answer.once("end", () => resolve({ status: answer.statusCode ?? 0, body: heard }));
    });
    asked.once("error", reject);
    asked.end(body);
  });
}
