import type { OneProcessFleet } from "./one-process-fleet.ts";
import { until } from "./until.ts";

/** Where a test's mailbox lies: a private Dovecot, or a way to one. */
export interface ImapPlace {
  readonly host: string;
  readonly imapPort: number;
  readonly password: string;
}

/** A fleet, of whatever kind, whose API can be asked. */
type Asked = Pick<OneProcessFleet, "ask">;

/** What the API takes for a mailbox, answered from a template. */
export const mailboxOn = (place: ImapPlace, user: string, changes: object = {}, answer: object = {}) => ({
  host: place.host,
  port: place.imapPort,
  security: "none",
  allowClearTextAuth: true,
  auth: { user, pass: place.password },
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
export async function watch(fleet: Asked, tenant: string, id: string, settings: object): Promise<void> {
  const put = await fleet.ask("PUT", `/v1/mailboxes/${id}`, tenant, settings);
  if (put.status > 201) throw new Error(JSON.stringify(put.body));
  await reachesState(fleet, tenant, id, "following");
}

/** The mailbox's page, once it is in this state. */
export async function reachesState(fleet: Asked, tenant: string, id: string, state: string, withinMs = 20_000) {
  let last: unknown;
  return until(
    `mailbox ${id} is ${state}`,
    async () => {
      const { body } = await fleet.ask("GET", `/v1/mailboxes/${id}`, tenant);
      last = body;
      return body.state === state && (state !== "following" || body.completeUpTo) && body;
    },
    withinMs,
  ).catch((cause) => {
    throw new Error(JSON.stringify(last), { cause });
  });
}

/** How a message ends. */
const ends: readonly string[] = ["answered", "skipped", "rejected", "failed"];

/** Every inbound message of a tenant, once there are `n` and all have ended or are in one of `states`; newest first. */
export const stories = (
  fleet: Asked,
  tenant: string,
  n: number,
  states: readonly string[] = ends,
  withinMs?: number,
): Promise<readonly Story[]> => found(fleet, tenant, "/v1/inbound?limit=200", n, states, withinMs);

/** The same of one mailbox. */
export const storiesIn = (
  fleet: Asked,
  tenant: string,
  mailbox: string,
  n: number,
  states: readonly string[] = ends,
  withinMs?: number,
): Promise<readonly Story[]> => found(fleet, tenant, `/v1/inbound?limit=200&mailbox=${mailbox}`, n, states, withinMs);

async function found(
  fleet: Asked,
  tenant: string,
  path: string,
  n: number,
  states: readonly string[],
  withinMs = 20_000,
): Promise<readonly Story[]> {
  let last: readonly Story[] = [];
  await until(
    `${n} messages are ${states.join(" or ")}`,
    async () => {
      last = (await fleet.ask("GET", path, tenant)).body.items;
      return last.length === n && last.every(({ state }) => states.includes(state));
    },
    withinMs,
  ).catch((cause) => {
    throw new Error(JSON.stringify(last), { cause });
  });
  return last;
}
