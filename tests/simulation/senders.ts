import { createHash } from "node:crypto";
import type { Submission } from "@mailfleet/store";
import type { Intake } from "./intake.ts";
import { epochMs } from "./simulated-database.ts";
import type { World } from "./world.ts";

/** What people submit, and how they go on until somebody says yes. */
export interface Senders {
  /** Submits a new message, and again under the same id until it is answered. */
  submit(): void;
  /** Submits an earlier message once more, or another one under its id. */
  resubmit(): void;
  /** Submissions that wait for an answer. */
  readonly waiting: number;
}

const domains = ["example.org", "example.net"];

export function openSenders(
  world: World,
  intakes: () => readonly Intake[],
  wake: (accountUid: number, express: boolean) => void,
): Senders {
  const { random, timeline, ledger, outside } = world;
  let made = 0;
  let waiting = 0;

  function drawMessage(): Submission {
    const n = ++made;
    const account = random.pick(world.plan.accounts);
    const recipients = Array.from({ length: random.between(1, 2) }, (_, k) => ({
      address: `r${n}.${k}@${random.pick(domains)}`,
    }));
    const expiresInMs = random.chance(0.15) ? random.between(3_000, 40_000) : undefined;
    const sendInMs = random.chance(0.15) ? random.between(1_000, 15_000) : undefined;
    const soon = (ms: number) => new Date(epochMs + timeline.nowMs + ms);
    const text = `Message-ID: <m${n}@sim.test>\r\nSubject: m${n}\r\n\r\nHello.\r\n`;
    return {
      tenantId: account.tenantId,
      origin: "tenant",
      id: `m${n}`,
      digest: createHash("sha256").update(text).digest(),
      account: account.id,
      envelope: { reversePath: `s${n}@sender.test`, recipients, smtpUtf8: false, eightBit: false },
      messageId: `<m${n}@sim.test>`,
      content: Buffer.from(text),
      priority: random.pick(["immediate", "high", "medium", "medium", "low"]),
      inDoubt: random.chance(0.4) ? "hold" : "retry",
      via: random.chance(0.5) ? "smtp" : "http",
      ...(random.chance(0.3) && { batch: "batch" }),
      ...(expiresInMs !== undefined && { expiresAt: soon(expiresInMs) }),
      ...(sendInMs !== undefined && { sendAt: soon(sendInMs) }),
    };
  }

  async function untilAnswered(submission: Submission): Promise<void> {
    waiting++;
    const key = `${submission.tenantId}/${submission.id}`;
    for (;;) {
      const reachable = intakes().filter(({ actor }) => actor.alive);
      try {
        if (reachable.length === 0) throw new Error("nobody answers");
        const answer = await random.pick(reachable).accept(submission);
        timeline.note(`${key}: ${answer.kind === "refused" ? answer.code : answer.duplicate ? "known" : "accepted"}`);
        settle(key, submission, answer);
        break;
      } catch (error) {
        timeline.note(`${key}: ${error}`);
        await timeline.wait(outside, "", random.between(100, 2_000));
      }
    }
    waiting--;
  }

  function settle(key: string, submission: Submission, answer: Awaited<ReturnType<Intake["accept"]>>) {
    const sent = ledger.sent.get(key);
    const isSame = sent?.submission.digest === submission.digest;
    if (answer.kind === "refused") {
      if (isSame || answer.code !== "id_conflict") world.violate(`${key} is refused: ${answer.code}`);
      return;
    }
    if (!sent || !isSame) return world.violate(`${key} is accepted with other content`);
    if (sent.uid !== undefined && sent.uid !== answer.uid) world.violate(`${key} is two messages`);
    if (answer.deliveries.length !== submission.envelope.recipients.length)
      world.violate(`${key} has ${answer.deliveries.length} deliveries`);
    sent.uid = answer.uid;
    timeline.note(`${key} is ${world.nameUids([answer.uid, ...answer.deliveries.map(({ uid }) => uid)].join(" "))}`);
    wake(answer.accountUid, submission.priority === "immediate");
  }

  return {
    submit() {
      const submission = drawMessage();
      ledger.sent.set(`${submission.tenantId}/${submission.id}`, { submission });
      void untilAnswered(submission);
    },
    resubmit() {
      const [key, sent] = random.pick([...ledger.sent]);
      const isOther = sent.uid !== undefined && random.chance(0.3);
      timeline.note(`${key} comes again${isOther ? " with other content" : ""}`);
      const digest = createHash("sha256").update(`another ${key}`).digest();
      void untilAnswered(isOther ? { ...sent.submission, digest } : sent.submission);
    },
    get waiting() {
      return waiting;
    },
  };
}
