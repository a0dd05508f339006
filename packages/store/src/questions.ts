import { newId } from "@mailfleet/mail";
import type { Database } from "./database.ts";

/** `verify`: a watcher logs in to a mailbox. `try`: an answer worker says what would become of a message. */
export type QuestionKind = "verify" | "try";

export interface Question {
  readonly id: string;
  readonly tenantId: string;
  readonly mailboxUid: number;
  /** The message of a `try`. */
  readonly bytes?: Uint8Array;
}

/** What one process asks another through SQL, where only the other may do what it takes. Nothing is kept for long. */
export interface Questions {
  ask(kind: QuestionKind, about: Omit<Question, "id">): Promise<string>;
  /** The answer, once it is there; asked for every `pollMs` until `deadline` aborts, then undefined. */
  answerTo(id: string, deadline: AbortSignal, pollMs?: number): Promise<unknown | undefined>;
  /** Takes open questions, each for one worker alone. */
  take(kind: QuestionKind, workerId: number, limit: number): Promise<readonly Question[]>;
  answer(id: string, answer: unknown): Promise<void>;
}

export const questionLimits = { keptMs: 600_000, pollMs: 100 } as const;

export function openQuestions(db: Database): Questions {
  return {
    async ask(kind, { tenantId, mailboxUid, bytes }) {
      const id = newId();
      await db.query("delete from mailfleet.questions where asked_at < now() - make_interval(secs => $1)", [
        questionLimits.keptMs / 1_000,
      ]);
      await db.query(
        "insert into mailfleet.questions (id, tenant_id, mailbox_uid, kind, bytes) values ($1, $2, $3, $4, $5)",
        [id, tenantId, mailboxUid, kind, bytes ?? null],
      );
      return id;
    },

    async answerTo(id, deadline, pollMs = questionLimits.pollMs) {
      while (!deadline.aborted) {
        const [row] = await db.query<{ answer: unknown }>(
          "delete from mailfleet.questions where id = $1 and answered_at is not null returning answer",
          [id],
        );
        if (row) return row.answer;
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
      await db.query("delete from mailfleet.questions where id = $1", [id]);
      return undefined;
    },

    async take(kind, workerId, limit) {
      const rows = await db.query<{ id: string; tenant_id: string; mailbox_uid: number; bytes: Buffer | null }>(
        `update mailfleet.questions q set worker = $2
         where q.id in (select o.id from mailfleet.questions o where o.worker is null and o.kind = $1 order by o.asked_at
           limit $3 for update skip locked)
         returning q.id, q.tenant_id, q.mailbox_uid, q.bytes`,
        [kind, workerId, limit],
      );
      return rows.map(({ id, tenant_id, mailbox_uid, bytes }) => ({
        id,
        tenantId: tenant_id,
        mailboxUid: mailbox_uid,
        ...(bytes && { bytes }),
      }));
    },

    async answer(id, answer) {
      await db.query("update mailfleet.questions set answer = $2, answered_at = now(), bytes = null where id = $1", [
        id,
        JSON.stringify(answer),
      ]);
    },
  };
}
