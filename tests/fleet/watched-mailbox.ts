import type { PrivateDovecot } from "@mailfleet/testkit";
import type { OneProcessFleet } from "./one-process-fleet.ts";
import { until } from "./until.ts";

/** What the API takes for a mailbox on a private Dovecot, answered from a template. */
export const mailboxOn = (dovecot: PrivateDovecot, user: string, changes: object = {}, answer: object = {}) => ({
  host: dovecot.host,
  port: dovecot.imapPort,
  security: "none",
  allowClearTextAuth: true,
  auth: { user, pass: dovecot.password },
  recordsReturnPath: true,
  ...changes,
  answer: {
    from: `Help <${user}>`,
    template: { text: "Hello {{ from.name }}, we will look into it." },
    ...answer,
  },
});

export interface Story {
  readonly id: string;
  readonly subject: string;
  readonly state: string;
  readonly reason: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: scenarios look into answers as a client would.
  readonly [field: string]: any;
}

/** Stores a mailbox as a tenant does, and waits until it is followed and nothing older is missing. */
export async function watch(fleet: OneProcessFleet, tenant: string, id: string, settings: object): Promise<void> {
  const put = await fleet.ask("PUT", `/v1/mailboxes/${id}`, tenant, settings);
  if (put.status > 201) throw new Error(JSON.stringify(put.body));
  await reachesState(fleet, tenant, id, "following");
}

/** The mailbox's page, once it is in this state. */
export async function reachesState(fleet: OneProcessFleet, tenant: string, id: string, state: string) {
  let last: unknown;
  return until(
    `mailbox ${id} is ${state}`,
    async () => {
      const { body } = await fleet.ask("GET", `/v1/mailboxes/${id}`, tenant);
      last = body;
      return body.state === state && (state !== "following" || body.completeUpTo) && body;
    },
    20_000,
  ).catch((cause) => {
    throw new Error(JSON.stringify(last), { cause });
  });
}

/** Every inbound message of a tenant, once there are `n` and all have ended or are in one of `states`. */
export async function stories(
  fleet: OneProcessFleet,
  tenant: string,
  n: number,
  states: readonly string[] = ["answered", "skipped", "rejected", "failed"],
  withinMs = 20_000,
): Promise<readonly Story[]> {
  let last: readonly Story[] = [];
  await until(
    `${n} messages are ${states.join(" or ")}`,
    async () => {
      last = (await fleet.ask("GET", "/v1/inbound?limit=200", tenant)).body.items;
      return last.length === n && last.every(({ state }) => states.includes(state));
    },
    withinMs,
  ).catch((cause) => {
    throw new Error(JSON.stringify(last), { cause });
  });
  return last;
}
