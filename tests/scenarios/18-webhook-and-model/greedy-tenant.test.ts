import { randomBytes } from "node:crypto";
import { type FakeImap, fakeImap, startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startTenantService } from "../../../apps/answer-worker/src/testing/tenant-service.ts";
import { letterTo } from "../../fleet/letters-to.ts";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";
import { mailboxOn, storiesIn, watch } from "../../fleet/watched-mailbox.ts";

const greedy = "greedy@example.org";
const modest = "modest@example.org";
const arrive = (server: FakeImap, user: string, count: number) => {
  for (let n = 1; n <= count; n++) server.append(letterTo(user, { from: `ann${n}@example.net` }), { user });
};

test("a tenant with much mail and a service that says nothing keeps no other tenant's mail waiting", async () => {
  await using server = await fakeImap({ users: [greedy, modest] });
  await using hop = await startMisbehavingHop();
  await using service = await startTenantService();
  await using fleet = await startOneProcessFleet();
  for (const tenant of ["greedy", "modest"]) await fleet.tenant(tenant, { port: hop.port });
  await fleet.startSender();
  await fleet.startWatcher();
  await fleet.startAnswerer({ ANSWER_SLOTS: "4", ANSWER_PER_TENANT: "2" });
  const place = { host: server.host, imapPort: server.port, password: server.password };
  const silence = Promise.withResolvers<object>();
  service.says(silence.promise);
  const settings = mailboxOn(place, greedy, { recordsReturnPath: false });
  const webhook = { url: service.url, secret: `whsec_${randomBytes(32).toString("base64")}`, timeout: "1m" };
  await watch(fleet, "greedy", "help", {
    ...settings,
    answer: { ...settings.answer, template: undefined, webhook, requireAuthentication: false },
  });
  await watch(fleet, "modest", "help", mailboxOn(place, modest, { recordsReturnPath: false }));

  arrive(server, greedy, 20);
  await until("the greedy tenant has its share", () => service.told.length === 2);
  arrive(server, modest, 10);
  const answered = await storiesIn(fleet, "modest", "help", 10);
  expect(answered.every(({ state }) => state === "answered")).toBe(true);
  expect(service.told).toHaveLength(2);

  silence.resolve({ action: "answer", text: "At last." });
  const late = await storiesIn(fleet, "greedy", "help", 20);
  expect(late.every(({ state }) => state === "answered")).toBe(true);
}, 60_000);
