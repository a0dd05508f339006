import {
  type DeedOutcome,
  type FetchedMessage,
  type Heard,
  MailboxTroubleError,
  MessageGoneError,
  type Opened,
  type OpenOptions,
  type Place,
  type Session,
  type Trouble,
} from "@mailfleet/mailbox";
import { type Folder, fieldOf, inbox, type MailServer, type Stored } from "./mail-server.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

const ended: Trouble = { kind: "unreachable", code: "CLOSED", detail: "the connection has ended" };

const refusals: readonly Trouble[] = [
  { kind: "unreachable", code: "ECONNREFUSED", detail: "nobody listens" },
  { kind: "throttled", code: "LIMIT", detail: "too many connections" },
];

/** Nobody is told of an end that comes without a word, before he asks the server something. */
const silenceMs = 60_000;
/**
 * IMAP cannot append under a condition: where a process, or its server, is held up for longer than this between a look
 * into the folder and the append, another may own the mailbox by then, and have appended the same.
 */
const blindMs = 2_500;
/** After an IDLE of that length a process looks for itself, whatever the server has told. */
const idleMs = 25_000;

/**
 * A process's connection to a simulated server: the methods of `Session`, each command a step. A command that was sent is
 * carried out whatever becomes of its sender; its answer may not arrive.
 */
export async function openSimulatedSession(
  world: World,
  process: Process,
  server: MailServer,
  { mode, pollIntervalMs }: Pick<OpenOptions, "mode" | "pollIntervalMs">,
): Promise<Opened> {
  const { random, timeline, plan } = world;
  const { actor } = process;
  const isDue = (probability: number) => world.isTroubled && random.chance(probability);
  let isUp = true;
  let hasNews = false;
  let isAwoken = false;
  let waiting: { resolve: (heard: Heard) => void; reject: (error: Error) => void } | undefined;

  const later = (ms: number, run: () => void) => timeline.add({ actor, label: "", delayMs: ms, run });

  function hear(): void {
    if (!waiting) return;
    if (hasNews) waiting.resolve("news");
    else if (isAwoken) waiting.resolve("woken");
    else return;
    if (hasNews) hasNews = false;
    else isAwoken = false;
    waiting = undefined;
  }

  const connection = {
    onNews() {
      later(random.between(0, 400), () => {
        hasNews = true;
        if (isUp && mode === "idle") hear();
      });
    },
    cut() {
      if (!isUp) return;
      isUp = false;
      server.connections.delete(connection);
      timeline.note(`${actor.name} is cut off`);
      later(random.chance(0.5) ? 0 : silenceMs, () => {
        waiting?.reject(new MailboxTroubleError(ended));
        waiting = undefined;
      });
    },
  };

  /** Has the server do something, and waits for its answer. */
  const command = <T>(label: string, effect: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const answer = (say: () => void) => {
        if (actor.alive) later(random.between(0, 10), say);
      };
      const fail = () => {
        connection.cut();
        answer(() => reject(new MailboxTroubleError(ended)));
      };
      if (!isUp) return fail();
      timeline.add({
        actor,
        label: "",
        delayMs: isDue(plan.trouble.slowServer) ? random.between(1_000, 20_000) : random.between(1, 30),
        outlivesItsActor: true,
        run() {
          if (!isUp || isDue(plan.trouble.cutBefore)) return fail();
          const result = effect();
          timeline.note(`${actor.name}${actor.alive ? "" : " (dead)"} ${label} → ${told(result)}`);
          if (isDue(plan.trouble.cutAfter)) return fail();
          answer(() => resolve(result));
        },
      });
      if (isDue(plan.trouble.frozenInCommand)) process.freeze(random.between(2_000, 25_000));
    });

  const open = (): Folder => server.folder(inbox);
  const shown = (folder: Folder) => folder.messages.filter((one) => one.shownFromMs <= timeline.nowMs);
  const find = (folder: Folder, uid: number) => shown(folder).find((one) => one.uid === uid);
  const withField = (folder: Folder, names: readonly string[], value: string) =>
    shown(folder).filter((one) => names.some((name) => fieldOf(one, name)?.includes(value)));
  const deed = (label: string, act: () => boolean): Promise<DeedOutcome> =>
    command(label, () => ({ kind: act() ? "done" : "gone" }) as const);

  if (isDue(plan.trouble.loginRefused)) {
    const trouble = random.pick(refusals);
    await process.wait(random.between(10, 3_000));
    timeline.note(`${actor.name} cannot log in: ${trouble.code}`);
    return { ok: false, trouble };
  }
  server.connections.add(connection);
  const folder = await command("logs in", () => {
    const { uidValidity, uidNext, messages } = open();
    return {
      path: inbox,
      openedAs: inbox,
      uidValidity: BigInt(uidValidity),
      uidNext,
      exists: messages.length,
      permanentFlags: [],
      readOnly: false,
    };
  }).catch(() => undefined);
  if (!folder) return { ok: false, trouble: ended };

  const session = {
    folder,
    following: mode,
    capabilities: ["IMAP4REV1"],
    list: ({
      fromUid = 1,
      toUid = Number.POSITIVE_INFINITY,
      uids,
      unseen = false,
      since,
      until,
    }: Parameters<Session["list"]>[0]) =>
      command("SEARCH", () => ({
        ok: true as const,
        value: shown(open())
          .filter(({ uid }) => uid >= fromUid && uid <= toUid && (uids === undefined || uids.includes(uid)))
          .filter(({ flags }) => !(unseen && flags.has("\\Seen")) && !flags.has("\\Deleted"))
          .filter(({ arrivedAt }) => since === undefined || arrivedAt.getTime() >= since.getTime() - dayMs)
          .filter(({ arrivedAt }) => until === undefined || arrivedAt.getTime() <= until.getTime() + dayMs)
          .map(({ uid }) => uid)
          .sort((a, b) => a - b),
      })),
    highestUid: () =>
      command("SEARCH *", () => ({ ok: true as const, value: Math.max(0, ...shown(open()).map(({ uid }) => uid)) })),
    async fetch(uids: readonly number[], take: (message: FetchedMessage) => void) {
      const found = await command(`FETCH ${uids}`, () =>
        shown(open())
          .filter(({ uid }) => uids.includes(uid))
          .map((one) => ({ ...placeOf(one), bytes: one.bytes, isWhole: true })),
      );
      for (const message of found) take(message);
      return undefined;
    },
    places: (uids: readonly number[]) =>
      command(`FETCH FLAGS ${uids}`, () => ({
        ok: true as const,
        value: shown(open())
          .filter(({ uid }) => uids.includes(uid))
          .map(placeOf),
      })),
    async *content(uid: number, maxBytes: number) {
      const bytes = await command(`FETCH ${uid} BODY`, () => find(open(), uid)?.bytes);
      if (!bytes) throw new MessageGoneError(uid, "no content came");
      yield bytes.subarray(0, maxBytes);
    },
    wait: (maxMs: number) =>
      new Promise<Heard>((resolve, reject) => {
        const lookMs = mode === "poll" ? pollIntervalMs : idleMs;
        const cancel = process.setTimer(Math.min(maxMs, lookMs), () => {
          waiting = undefined;
          if (!isUp) return reject(new MailboxTroubleError(ended));
          hasNews = false;
          resolve(lookMs < maxMs ? "news" : "time");
        });
        const over = <T>(end: (value: T) => void) => {
          return (value: T) => {
            cancel();
            end(value);
          };
        };
        waiting = { resolve: over(resolve), reject: over(reject) };
        if (isUp) hear();
      }),
    wake() {
      isAwoken = true;
      hear();
    },
    changeFlags: (uid: number, { add = [] }: { add?: readonly string[] }) =>
      deed(`STORE ${uid} ${add}`, () => {
        const found = find(open(), uid);
        for (const flag of found ? add : []) {
          found?.flags.add(flag);
          if (flag === "\\Answered" && found) world.ledger.markedAnswered.add(found.bytes);
        }
        return found !== undefined;
      }),
    move: (uid: number, to: string) => deed(`MOVE ${uid} ${to}`, () => server.move(inbox, uid, to) !== undefined),
    async appendOnce({ to, messageId, bytes, flags }: Parameters<Session["appendOnce"]>[0]): Promise<DeedOutcome> {
      let lookedAtMs = 0;
      const there = await command(`SEARCH ${to}`, () => {
        lookedAtMs = timeline.nowMs;
        return withField(server.folder(to), ["message-id"], messageId).length;
      });
      if (there > 0 && !world.mutation.appendsBlindly) return { kind: "done" };
      return deed(`APPEND ${to}`, () => {
        if (timeline.nowMs - lookedAtMs > blindMs) world.ledger.appendedBlindly.add(messageId);
        server.add(to, { bytes, flags: new Set(flags), arrivedAt: new Date(), shownFromMs: 0 });
        return true;
      });
    },
    hasReply: (path: string, messageId: string) =>
      command(
        `SEARCH ${path} for a reply`,
        () => withField(server.folder(path), ["in-reply-to", "references"], messageId).length > 0,
      ),
    withMessageId: (messageId: string) =>
      command("SEARCH for a Message-ID", () => ({
        ok: true as const,
        value: withField(open(), ["message-id"], messageId).map(({ uid }) => uid),
      })),
    findSpecialFolder: (use: string) => command("LIST", () => use.slice(1)),
    async [Symbol.asyncDispose]() {
      session.close();
    },
    close() {
      isUp = false;
      server.connections.delete(connection);
      waiting?.reject(new MailboxTroubleError(ended));
      waiting = undefined;
    },
  } satisfies Partial<Record<keyof Session, unknown>> as unknown as Session;
  return { ok: true, session };
}

const dayMs = 86_400_000;

const placeOf = ({ uid, flags, arrivedAt, bytes }: Stored): Place => ({
  uid,
  flags: [...flags],
  arrivedAt,
  sizeBytes: bytes.length,
});

function told(result: unknown): string {
  const text = JSON.stringify(result, (_, value) => (typeof value === "bigint" ? Number(value) : value)) ?? "nothing";
  return text.replace(/"(bytes|arrivedAt)":("[^"]*"|\{.*?\]\}),?/g, "").slice(0, 160);
}
