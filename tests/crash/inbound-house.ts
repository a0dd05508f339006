import { type PrivateDovecot, privateDovecot } from "@mailfleet/testkit";
import { type Fleet, type FleetOptions, startFleet } from "../fleet/fleet.ts";
import { letterTo } from "../fleet/letters-to.ts";
import { until } from "../fleet/until.ts";
import { mailboxOn, reachesState } from "../fleet/watched-mailbox.ts";

/** A message that somebody has sent to a watched mailbox. */
export interface Sent {
  readonly tenantId: string;
  /** The user of Dovecot whose mailbox it is. */
  readonly user: string;
  readonly from: string;
  readonly messageId: string;
}

export interface InboundHouseOptions extends FleetOptions {
  /** The next hop that answers go to. */
  readonly hopPort: number;
  /** Mailboxes of each tenant; one tenant with one mailbox where it is absent. */
  readonly mailboxes?: Readonly<Record<string, number>>;
  /** What a mailbox is given besides a host and a user, and how it is answered. */
  readonly changes?: object;
  readonly answer?: object;
}

/** A fleet in processes of its own, with tenants whose mailboxes lie in a Dovecot that nobody kills. */
export interface InboundHouse extends AsyncDisposable {
  readonly fleet: Fleet;
  readonly dovecot: PrivateDovecot;
  readonly boxes: readonly { readonly tenantId: string; readonly user: string }[];
  /** Everything that was delivered to the mailboxes. */
  readonly sent: readonly Sent[];
  /** Stores the mailboxes, and waits until each is followed: messages count from then on. */
  watchAll(): Promise<void>;
  /** Resolves once so many watchers have half their fair share of the mailboxes' shards at least. */
  shared(watchers: number): Promise<void>;
  /** Delivers so many messages, one mailbox after the other, each from a sender of its own. */
  deliver(n: number): Promise<void>;
  /** Resolves once every message has ended, what was asked for in the mailboxes is done, and nothing but held mail waits. */
  ended(withinMs?: number): Promise<void>;
}

/** How a mailbox is answered by a model, at once. */
export const modelAt = (url: string) => ({
  template: undefined,
  mode: "send",
  requireAuthentication: false,
  model: { url, key: "a-key", model: "small", systemPrompt: "Be kind." },
});

/** For processes to start, and to log in to every mailbox, on a machine that is busy. */
const followingMs = 60_000;
/** Messages that are being delivered at once. */
const deliveriesAtOnce = 4;

export async function openInboundHouse(options: InboundHouseOptions): Promise<InboundHouse> {
  const { hopPort, mailboxes = { acme: 1 }, changes = {}, answer = {} } = options;
  const boxes = Object.entries(mailboxes).flatMap(([tenantId, n]) =>
    Array.from({ length: n }, (_, at) => ({ tenantId, id: `box-${at}`, user: `box-${at}@${tenantId}.test` })),
  );
  await using stack = new AsyncDisposableStack();
  const dovecot = stack.use(await privateDovecot(boxes.map(({ user }) => user)));
  const fleet = stack.use(await startFleet(options));
  await Promise.all(Object.keys(mailboxes).map((id) => fleet.tenant(id, { port: hopPort })));
  await fleet.startIntake();
  const keep = stack.move();
  const sent: Sent[] = [];
  let next = 0;

  async function deliverOne(): Promise<void> {
    const n = next++;
    const { tenantId, user } = boxes[n % boxes.length]!;
    const one = { tenantId, user, from: `sender-${n}@correspondent.test`, messageId: `<${n}@correspondent.test>` };
    await dovecot.deliver(user, letterTo(user, one), { reversePath: one.from });
    sent.push(one);
  }

  return {
    fleet,
    dovecot,
    boxes,
    sent,
    async watchAll() {
      const settings = (user: string) => mailboxOn(dovecot, user, changes, { appendTo: "\\Sent", ...answer });
      for (const { tenantId, id, user } of boxes) {
        const put = await fleet.ask("PUT", `/v1/mailboxes/${id}`, tenantId, settings(user));
        if (put.status !== 201) throw new Error(JSON.stringify(put.body));
      }
      for (const { tenantId, id } of boxes) await reachesState(fleet, tenantId, id, "following", followingMs);
    },
    async shared(watchers) {
      const isFair = async () => {
        const shares = await fleet.store.db.query<{ n: number }>(
          "select count(*) as n from mailfleet.shards group by worker",
        );
        return shares.length === watchers && shares.every(({ n }) => n >= 128 / watchers);
      };
      await until(`${watchers} watchers share the mailboxes`, isFair);
    },
    async deliver(n) {
      let left = n;
      const work = async () => {
        while (left-- > 0) await deliverOne();
      };
      await Promise.all(Array.from({ length: deliveriesAtOnce }, work));
    },
    async ended(withinMs = 60_000) {
      const isOver = async () => {
        const [row] = await fleet.store.db.query<{ known: number; waiting: number; actions: number }>(
          `select (select count(*) from mailfleet.inbound) as known, (select count(*) from mailfleet.answering) as waiting,
             (select count(*) from mailfleet.mailbox_actions where done_at is null) as actions`,
        );
        return row?.known === sent.length && row.waiting === 0 && row.actions === 0;
      };
      await until("every message has ended", isOver, withinMs).catch(async (cause) => {
        const said = fleet.apps.map(({ pid, isAlive, log }) => `${pid} ${isAlive}: ${JSON.stringify(log.slice(-4))}`);
        throw new Error(`${JSON.stringify(await whatWaits(fleet))}\n${said.join("\n")}`, { cause });
      });
      await fleet.settled(withinMs);
    },
    [Symbol.asyncDispose]: () => keep.disposeAsync(),
  };
}

/** For whoever has to find out why a message does not end. */
const whatWaits = ({ store }: Fleet) =>
  store.db.query(
    `select (select json_object_agg(state, n) from (select state, count(*) as n from mailfleet.inbound group by 1) i) as inbound,
       (select json_agg(a) from (select state, worker, tries, crashes, due_at, count(*) from mailfleet.answering group by 1, 2, 3, 4, 5 limit 9) a) as answering,
       (select json_agg(x) from (select kind, trouble, tries, count(*) from mailfleet.mailbox_actions where done_at is null group by 1, 2, 3) x) as actions,
       (select json_agg(p) from (select state, reason, detail, fence, watermark, retry_at from mailfleet.mailbox_positions limit 9) p) as positions,
       (select json_agg(s) from (select worker, count(*) from mailfleet.shards group by 1) s) as shards,
       (select json_agg(w) from (select id, app, lease_until from mailfleet.workers where lapsed_at is null) w) as workers, now()`,
  );
