import { expect, test } from "vitest";
import { submit } from "../testing/smtp-client.ts";
import { startInboxPage } from "./inbox-page.ts";
import { createLetterBox } from "./letter-box.ts";
import { startDemoNextHop } from "./next-hop.ts";

async function openDemo() {
  const box = createLetterBox();
  const hop = await startDemoNextHop(box);
  const page = await startInboxPage(box, { port: 0, setting: "A_SETTING" });
  return {
    box,
    page,
    deliver: (to: string, content = "Subject: hello\r\n\r\nhello") =>
      submit(hop.port, { from: "ann@example.org", to: [to], content }),
    async [Symbol.asyncDispose]() {
      await page[Symbol.asyncDispose]();
      await hop[Symbol.asyncDispose]();
    },
  };
}

test("a message that the demo next hop takes is on its page, as it was sent", async () => {
  await using demo = await openDemo();
  const content = "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nFrom: Ann <ann@example.org>\r\n\r\n.a dot\r\nend";
  expect((await demo.deliver("bob@example.org", content)).at(-1)).toBe(250);

  const response = await fetch(`${demo.page.url}messages.json`);
  const { count, items } = (await response.json()) as { count: number; items: object[] };
  expect(count).toBe(1);
  expect(items[0]).toMatchObject({
    reversePath: "ann@example.org",
    recipients: ["bob@example.org"],
    subject: "grüße",
    from: "Ann <ann@example.org>",
  });
  expect(demo.box.get(1)?.content.toString()).toBe(`${content}\r\n`);
  expect(await (await fetch(demo.page.url)).text()).toContain("grüße");
});

test("fail@ is refused for good, and later@ is put off twice before it is taken", async () => {
  await using demo = await openDemo();
  expect(await demo.deliver("fail@example.org")).toContain(550);
  expect(await demo.deliver("later@example.org")).toContain(451);
  expect(await demo.deliver("later@example.org")).toContain(451);
  expect((await demo.deliver("later@example.org")).at(-1)).toBe(250);
  expect(demo.box.count()).toBe(1);
});

test("drop@ keeps the message and hangs up before the reply, once", async () => {
  await using demo = await openDemo();
  expect((await demo.deliver("drop@example.org")).at(-1)).toBe(354);
  expect(demo.box.count()).toBe(1);
  expect((await demo.deliver("drop@example.org")).at(-1)).toBe(250);
});

test("whatever mail brings is shown as text, and runs nothing", async () => {
  await using demo = await openDemo();
  const evil = `<img src=x onerror=alert(1)></pre></script><script>alert(1)</script>`;
  await demo.deliver(
    "bob@example.org",
    `Subject: ${evil}\r\nFrom: "${evil.replaceAll('"', "")}" <a@example.org>\r\nX-Odd: ${evil}\r\n\r\n${evil}`,
  );
  await demo.deliver("bob@example.org", `Subject: html\r\nContent-Type: text/html\r\n\r\n${evil}`);

  for (const path of ["", "messages/1", "messages/2"]) {
    const response = await fetch(demo.page.url + path);
    const text = await response.text();
    expect(text).not.toContain("<img");
    expect(text).not.toContain("<script>");
    expect(response.headers.get("content-security-policy")).toMatch(/default-src 'none'.*script-src 'self'/);
  }
  const frame = await fetch(`${demo.page.url}messages/2/html`);
  expect(frame.headers.get("content-security-policy")).toMatch(/default-src 'none';.*sandbox$/);
  const source = await fetch(`${demo.page.url}messages/1/source`);
  expect(source.headers.get("content-type")).toMatch(/^text\/plain/);
});

test("a name that merely resolves to loopback does not open the page", async () => {
  await using demo = await openDemo();
  const { request } = await import("node:http");
  const status = await new Promise((resolve) => {
    request({ port: demo.page.port, host: "127.0.0.1", headers: { host: "evil.example" } }, (response) =>
      resolve(response.statusCode),
    ).end();
  });
  expect(status).toBe(421);
});

test("the letter box forgets the oldest beyond its limits, and still counts them", () => {
  const box = createLetterBox({ messages: 3, bytes: 100 });
  const keep = (bytes: number) => box.keep({ reversePath: "", recipients: [], content: Buffer.alloc(bytes) });
  for (let i = 0; i < 5; i++) keep(10);
  expect(box.list().map(({ number }) => number)).toEqual([5, 4, 3]);
  keep(95);
  expect(box.list().map(({ number }) => number)).toEqual([6]);
  expect(box.count()).toBe(6);
});
