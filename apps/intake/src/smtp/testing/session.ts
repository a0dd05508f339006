import type { Acceptance, Submission } from "@mailfleet/store";
import { expect } from "vitest";
import { type Client, connectClient } from "./dialogue.ts";
import { key, plainToken } from "./listener-rig.ts";

export const auth = `AUTH PLAIN ${plainToken("acme", key)}`;
export const wrongAuth = `AUTH PLAIN ${plainToken("acme", `mf_${"x".repeat(40)}`)}`;
export const letter = "From: ann@example.org\r\n\r\nHello\r\n.\r\n";

/** A session that has said EHLO. */
export async function greet(port: number): Promise<Client> {
  const client = connectClient(port);
  await client.reply();
  await client.command("EHLO client.example");
  return client;
}

/** A session that has authenticated. */
export async function openSession(port: number): Promise<Client> {
  const client = await greet(port);
  expect(await client.command(auth)).toMatch(/^235 /);
  return client;
}

/** As far as the 354. */
export async function beginContent(client: Client): Promise<void> {
  await client.command("MAIL FROM:<ann@example.org>");
  await client.command("RCPT TO:<bob@example.net>");
  expect(await client.command("DATA")).toMatch(/^354 /);
}

/** A whole transaction; the reply to its final dot. */
export async function submit(client: Client, content = letter): Promise<string> {
  await beginContent(client);
  client.send(content);
  return (await client.reply()).at(-1) as string;
}

/** An acceptor that answers when it is told to. */
export function slowAcceptor() {
  const asked = Promise.withResolvers<Submission>();
  const answer = Promise.withResolvers<Acceptance>();
  return {
    accept: (submission: Submission) => {
      asked.resolve(submission);
      return answer.promise;
    },
    asked: asked.promise,
    yes: () =>
      answer.resolve({
        kind: "accepted",
        duplicate: false,
        uid: "u1",
        id: "u1",
        messageId: "<x@y>",
        accountUid: 1,
        deliveries: [],
      }),
  };
}
