import { noOperatorConfig } from "@mailfleet/answer";
import { joinAsWorker, type Ticket } from "@mailfleet/store";
import { type AnswerDeps, answerOne } from "../../../apps/answer-worker/src/answer-one.ts";
import { sweep } from "../../../apps/answer-worker/src/sweep.ts";
import { readMessage } from "../../../packages/parser/src/read-message.ts";
import { NotAccepted, Refusal } from "../../../packages/store/src/answer-transaction.ts";
import { openAnswering } from "../../../packages/store/src/answering.ts";
import { simulatedAnswerer } from "./answerer.ts";
import type { Taker } from "./errands.ts";
import { openRight } from "./objections.ts";
import { openProcess, type Process } from "./process.ts";
import type { World } from "./world.ts";

/** A process that answers: the real code of `answer-worker`, on simulated time, with its parser and answerer beside it. */
export interface AnswerWorker extends Taker {
  readonly process: Process;
  /** As SIGTERM: ends what it has in hand, or gives it back, and goes. */
  drain(): void;
}

const limits = { sweepMs: 3_000, perTenant: 4, graceMs: 10_000, killMs: 20_000 } as const;

export function startAnswerWorker(world: World, name: string, onGone: () => void): AnswerWorker {
  const { timeline, random, plan, telemetry } = world;
  const process = openProcess(world, name, onGone);
  const right = openRight();
  const isExpected = (error: unknown) => error instanceof NotAccepted || error instanceof Refusal;
  const db = process.database({ context: right.context, isExpected });
  const stopping = new AbortController();
  let lapsed = new AbortController();
  let draining = false;
  let inHand = 0;
  let fill = async () => {};
  let isReady = false;
  let leave = () => {};

  const plain = openAnswering(db, undefined);
  const answering: typeof plain = {
    ...plain,
    postpone: (ticket, ...rest) => right.ofTicket(ticket, () => plain.postpone(ticket, ...rest)),
    lookFirst: (ticket) => right.ofTicket(ticket, () => plain.lookFirst(ticket)),
    fetchFirst: (ticket) => right.ofTicket(ticket, () => plain.fetchFirst(ticket)),
    end: (ticket, ...rest) => right.ofTicket(ticket, () => plain.end(ticket, ...rest)),
    askForApproval: (ticket, ...rest) => right.ofTicket(ticket, () => plain.askForApproval(ticket, ...rest)),
    answer: (ticket, ...rest) => right.ofTicket(ticket, () => plain.answer(ticket, ...rest)),
  };
  const store = {
    ...world.database.store,
    db,
    answering,
    mailboxes: {
      ...world.database.store.mailboxes,
      open: async (uid: number) => world.mailboxes.find(({ opened }) => opened.uid === uid)?.opened,
    },
  };
  const onError = (error: unknown) => timeline.note(`${name} ${error}`);

  async function start() {
    const lease = await joinAsWorker(db, {
      app: "answer-worker",
      now: process.now,
      setTimer: process.setTimer,
      onError,
      onLost(id) {
        timeline.note(`${name} lost lease ${id}`);
        lapsed.abort(new Error("the worker's lease was lost"));
        lapsed = new AbortController();
      },
    });
    process.gone.addEventListener("abort", () => void lease[Symbol.asyncDispose]());
    const deps: AnswerDeps = {
      store,
      parser: {
        parse: async (bytes, options) => readMessage(bytes, options?.contents ?? false),
        extractAttachment: () => Promise.reject(new Error("nobody asks for attachments")),
        [Symbol.asyncDispose]: async () => {},
      },
      operator: noOperatorConfig,
      telemetry,
      wakeOutbox: () => {},
      lookAfterMs: plan.lookAfterMs,
      nowMs: () => lease.databaseNowMs(),
      random: random.next,
      openAnswerer: simulatedAnswerer(world, process),
    };
    const held = new Set<Ticket>();

    async function work(ticket: Ticket): Promise<void> {
      const uid = world.nameUids(ticket.inboundUid);
      timeline.note(`${name} has ${uid} in hand`);
      inHand++;
      held.add(ticket);
      await answerOne(deps, ticket, AbortSignal.any([stopping.signal, lapsed.signal])).catch(onError);
      timeline.note(`${name} is done with ${uid}`);
      held.delete(ticket);
      inHand--;
      if (draining) leave();
    }

    fill = async () => {
      const free = plan.slots - inHand;
      if (free <= 0 || draining) return;
      for (const ticket of await answering.claim(lease.id, free, limits.perTenant)) void work(ticket);
    };
    process.repeat(
      limits.sweepMs,
      () => draining,
      () =>
        sweep({
          store,
          telemetry,
          hands: { fill, held: () => [...held].map(({ inboundUid }) => inboundUid) },
          workerId: lease.id,
        }),
    );
    leave = () => {
      if (inHand > 0) return;
      leave = () => {};
      void lease[Symbol.asyncDispose]().then(() => process.end("is gone"), onError);
    };
    isReady = true;
    if (draining) leave();
  }

  void start().catch((error) => process.end(`cannot start: ${error}`));
  return {
    process,
    take() {
      if (!process.actor.alive || !isReady || draining || inHand >= plan.slots) return false;
      if (process.actor.frozenUntilMs > timeline.nowMs) return false;
      void fill().catch(onError);
      return true;
    },
    drain() {
      if (draining || !process.actor.alive) return;
      draining = true;
      timeline.note(`${name} drains`);
      process.setTimer(limits.graceMs, () => stopping.abort(new Error("the process stops")));
      process.setTimer(limits.killMs, process.die);
      leave();
    },
  };
}
