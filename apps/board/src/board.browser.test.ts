import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";
import { expect, test } from "vitest";
import { adminToken, openBoard } from "./testing/open-board.ts";

const executablePath = execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim();

test("in a browser, the board shows turns and their accounts, and no request leaves for another host", async () => {
  await using board = await openBoard();
  await board.database.query("insert into mailfleet.tenants (id) values ('acme')");
  const [account] = await board.database.query<{ uid: number }>(
    "insert into mailfleet.accounts (tenant_id, id, settings) values ('acme', 'main', '{}') returning uid",
  );
  await board.queues[0]!.add(
    "turn",
    { accountUid: String(account!.uid), lane: 0 },
    { jobId: `${account!.uid}~0~first` },
  );

  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(15_000);
    const outside: string[] = [];
    const refused: string[] = [];
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.origin !== board.url && !["data:", "blob:"].includes(url.protocol)) outside.push(request.url());
    });
    page.on("console", (message) => {
      if (/content security policy/i.test(message.text())) refused.push(message.text());
    });

    await page.goto(board.url);
    await page.getByLabel("Admin token").fill(adminToken);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.waitForURL(`${board.url}/queues/`);
    await page.getByText("mailfleet-turns", { exact: true }).first().waitFor();

    await page.goto(`${board.url}/queues/queue/mailfleet-turns`);
    const link = page.locator(`a[href="/accounts/${account!.uid}"]`).first();
    await link.waitFor();
    await page.goto(`${board.url}/queues/queue/mailfleet-turns/${encodeURIComponent(`${account!.uid}~0~first`)}`);
    await page.getByText("accountUid").first().waitFor();

    await page.goto(board.url + (await link.getAttribute("href").catch(() => `/accounts/${account!.uid}`)));
    await page.getByRole("heading", { name: "main" }).waitFor();

    expect(outside).toEqual([]);
    expect(refused).toEqual([]);
  } finally {
    await browser.close();
  }
});
