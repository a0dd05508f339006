import type { AnswerFailure, AnswerRequest } from "@mailfleet/answer";
import type { Report } from "@mailfleet/mail";
import type { Findings } from "@mailfleet/store";
import type { Letter } from "./letter.ts";

/** What is to become of a message: found out without writing anything, and then carried out. */
export type Verdict =
  | ({ readonly kind: "skip"; readonly reason: string; readonly detail?: string } & Findings)
  /** It reports about mail of ours; the reason is that of its end. */
  | ({ readonly kind: "report"; readonly report: Report; readonly reason: string; readonly detail?: string } & Findings)
  /** Not before then: `answerAfter`, or the answerer's own wish. */
  | ({ readonly kind: "wait"; readonly afterMs: number } & Findings)
  /** It has waited: its watcher looks first whether a person was faster. */
  | { readonly kind: "look" }
  | ({ readonly kind: "escalate"; readonly note: string; readonly request: AnswerRequest } & Findings)
  | ({ readonly kind: "letter"; readonly letter: Letter; readonly answerer: string } & Findings)
  | Failed;

/** A try that came to nothing. */
export type Failed = Pick<AnswerFailure, "permanent" | "code" | "detail" | "retryAfterMs"> & {
  readonly kind: "failed";
  /** How it ends where no try is left. */
  readonly endsAs: "failed" | "skipped";
} & Findings;

export const skip = (reason: string, detail?: string, findings: Findings = {}): Verdict => ({
  kind: "skip",
  reason,
  ...(detail !== undefined && { detail }),
  ...findings,
});
