import { afterAll, beforeAll, expect, test } from "vitest";
import { type FleetProcess, makeDataDir, startFleetProcess } from "../testing/fleet-process.ts";
import { runCommand } from "../testing/run-command.ts";

let data: Awaited<ReturnType<typeof makeDataDir>>;
let fleet: FleetProcess;

beforeAll(async () => {
  data = await makeDataDir();
  fleet = await startFleetProcess(data.path);
}, 90_000);

afterAll(async () => {
  await fleet?.end("SIGTERM");
  await data?.[Symbol.asyncDispose]();
}, 60_000);

/** As someone on the machine that runs `mailfleet up`. */
const mailfleet = (line: string, stdin = "") => runCommand(line.split(" "), { MAILFLEET_DATA_DIR: data.path }, stdin);
const json = async (line: string, stdin = "") => JSON.parse((await mailfleet(`${line} --json`, stdin)).stdout);

const letter = (to: string, more = "") =>
  `From: Ann <ann@example.org>\r\nTo: ${to}\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n${more}\r\nHello.\r\n`;

test("send --wait shows how every delivery ended, and fails unless all were sent", async () => {
  const good = await mailfleet("send - --tenant demo --wait", letter("bob@example.org"));
  expect(good.exitCode, good.stderr).toBe(0);
  expect(good.stdout).toMatch(/State +done[\s\S]*bob@example\.org +sent/);

  const bad = await mailfleet("send - --tenant demo --wait", letter("bob@example.org, fail@example.org"));
  expect(bad.exitCode).toBe(1);
  expect(bad.stdout).toMatch(/fail@example\.org +dead_lettered/);
  expect(bad.stderr).toBe("mailfleet: 1 of 2 deliveries were not sent.\n");
});

test("a message file keeps its meaning on the way: names, encoded words, own fields, attachments and Bcc", async () => {
  const file = [
    "From: Ann <ann@example.org>",
    "To: Team: bob@example.org, =?utf-8?q?J=C3=B6rg?= <joerg@example.org>;",
    "Bcc: carol@example.org",
    "Subject: with a file",
    "X-Mine: yes",
    "In-Reply-To: <earlier@example.org>",
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="x"',
    "",
    "--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQ==",
    '--x\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="a.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=',
    "--x--",
    "",
  ].join("\r\n");
  const sent = await mailfleet("send - --tenant demo --wait --id with-a-file", file);
  expect(sent.exitCode, sent.stderr).toBe(0);
  expect(sent.stderr).toBe("In-Reply-To of - does not go along.\n");

  const list = await fetch(`${fleet.address("Demo inbox")}messages.json`);
  const { items } = (await list.json()) as { items: { number: number; subject: string; recipients: string[] }[] };
  const kept = items.filter(({ subject }) => subject === "with a file");
  expect(kept.flatMap(({ recipients }) => recipients).sort()).toEqual([
    "bob@example.org",
    "carol@example.org",
    "joerg@example.org",
  ]);
  const source = await (await fetch(`${fleet.address("Demo inbox")}messages/${kept[0]!.number}/source`)).text();
  expect(source).toMatch(/^X-Mine: yes\r$/m);
  expect(source).toMatch(/^JVBERi0=\r$/m);
  expect(source).not.toContain("carol");

  const again = await json("send - --tenant demo --id with-a-file", file);
  expect(again.id).toBe("with-a-file");
  expect(
    (await json("messages list --tenant demo --all")).items.filter(({ id }: { id: string }) => id === again.id),
  ).toHaveLength(1);
});

test("dead letters are listed, shown with their attempts and sent again, and the old ones stay", async () => {
  await mailfleet("send - --tenant demo --wait", letter("fail@example.net"));
  const { items } = await json("dead-letters list --tenant demo --recipient fail@example.net");
  expect(items).toHaveLength(1);
  const shown = await mailfleet(`dead-letters show ${items[0].id} --tenant demo`);
  expect(shown.stdout).toMatch(/ATTEMPT +OUTCOME[\s\S]*permanent_error +5\.1\.1/);

  const { resent, refused } = await json("dead-letters resend --all --recipient fail@example.net --tenant demo");
  expect([resent.length, refused.length]).toEqual([1, 0]);
  expect(resent[0].resendOf).toBe(items[0].id);
  expect((await mailfleet(`deliveries show ${items[0].id} --tenant demo`)).stdout).toMatch(/state +dead_lettered/);
});

test("tenants, keys and accounts can be made, and a tenant's key works by itself", async () => {
  expect((await mailfleet("tenants put acme")).stdout).toBe("Tenant acme is set.\n");
  const { key } = await json("keys create --tenant acme --scope submit read manage --label test");
  const asAcme = (line: string, stdin = "") =>
    runCommand([...line.split(" "), "--token", key], { MAILFLEET_DATA_DIR: data.path }, stdin);

  expect(
    (
      await asAcme(
        "accounts put main --host 127.0.0.1 --port 1 --security none --user ann --password-file - --allow-clear-text-auth",
        "s3cret\n",
      )
    ).exitCode,
  ).toBe(0);
  const shown = await asAcme("accounts show main --json");
  expect(shown.stdout).toContain('"main"');
  expect(shown.stdout).not.toContain("s3cret");
  expect((await asAcme("accounts list")).stdout).toMatch(/main +127\.0\.0\.1:1 +none +ann +yes/);
  const verified = await asAcme("accounts verify main");
  expect([verified.exitCode, verified.stderr]).toEqual([1, "mailfleet: Account main cannot send as it is.\n"]);

  expect((await asAcme("tenants list")).exitCode).toBe(1);
  expect((await mailfleet("tenants suspend acme")).stdout).toContain("suspended");
  expect((await mailfleet("tenants activate acme")).stdout).toContain("active");
  expect((await asAcme("accounts delete main")).exitCode).toBe(0);
  expect((await mailfleet("tenants delete acme")).exitCode).toBe(0);
});

test("trouble is told in a sentence with its code, on stderr, with an exit status that scripts can use", async () => {
  const troubles: readonly [line: string, exitCode: number, stderr: RegExp][] = [
    ["messages list", 1, /\(tenant_required\)\nName the tenant with --tenant\.\n$/],
    ["messages show nothing --tenant demo", 1, /\(message_not_found\)\n$/],
    ["deliveries release x --action retry --tenant nobody", 1, /^mailfleet: .*\([a-z_]+\)\n/],
    ["stats --token wrong-wrong-wrong", 1, /\(unauthorized\)/],
    ["stats --url http://127.0.0.1:9", 1, /cannot be reached/],
    ["keys list", 2, /--tenant/],
    ["send /no/such/file --tenant demo", 1, /ENOENT/],
    ["accounts put x --tenant demo --host a", 2, /--port/],
    ["dead-letters resend --tenant demo", 2, /--all/],
    ["inbound requeue --tenant demo", 2, /--reason/],
    ["inbound requeue some --all --tenant demo", 2, /--reason/],
    ["inbound requeue --reason mailbox_deleted --tenant demo", 1, /not begun anew/],
    ["accounts put x --tenant demo --host a --port 1 --security none --user u", 1, /clear text/],
    ["nonsense", 2, /unknown command/],
    ["stats --nonsense", 2, /unknown option/],
  ];
  for (const [line, exitCode, stderr] of troubles) {
    const result = await mailfleet(line);
    expect([line, result.exitCode, result.stdout]).toEqual([line, exitCode, ""]);
    expect(result.stderr).toMatch(stderr);
    expect(result.stderr).not.toMatch(/^ {4}at /m);
  }
});

test("what is stopped looks stopped: in the switch's own command, and in the list of mailboxes", async () => {
  const settings = {
    host: "127.0.0.1",
    port: 9,
    auth: { user: "help", pass: "hush" },
    answer: { from: "help@example.org", template: { text: "Hello" } },
  };
  await mailfleet("tenants put quiet");
  expect((await mailfleet("mailboxes put help --tenant quiet --file -", JSON.stringify(settings))).exitCode).toBe(0);
  expect((await mailfleet("answering stop --tenant quiet")).stdout).toBe("Nothing of the tenant's is answered.\n");
  expect(await json("answering show --tenant quiet")).toEqual({ stopped: true, stoppedBy: "tenant" });
  expect((await mailfleet("mailboxes list --tenant quiet")).stdout).toMatch(/help .*answering stopped \(tenant\)/);
  expect((await mailfleet("answering start --tenant quiet")).stdout).toBe("Answering goes on.\n");
  expect((await mailfleet("answering stop")).stdout).toBe("Nothing of the whole fleet is answered.\n");
  expect((await mailfleet("answering show --tenant quiet")).stdout).toMatch(/stoppedBy +fleet/);
  expect(await json("answering start")).toEqual({ stopped: false, stoppedBy: null });
  expect((await mailfleet("mailboxes delete help --tenant quiet")).exitCode).toBe(0);
});

test("what ended for one reason is begun anew by one command, even where there is nothing", async () => {
  const nothing = await json("inbound requeue --reason hourly_cap --mailbox demo --all --tenant demo");
  expect(nothing).toEqual({ requeued: 0, more: false });
});

test("the stats of all tenants are shown to the admin", async () => {
  const stats = await json("stats");
  expect(Object.keys(stats.deliveries)).toContain("dead_lettered");
  expect((await mailfleet("stats")).stdout).toMatch(/deliveries sent +\d+/);
});
