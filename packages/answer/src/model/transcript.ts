/** What a model was asked and did for one message, kept with it for people who look later. Never holds secrets. */
export interface Transcript {
  /** SHA-256 of everything the model was first shown, its tools included; hex. */
  readonly promptHash: string;
  readonly model: string;
  /** In their order; steps replayed after a crash read as they did the first time. */
  readonly steps: readonly TranscriptStep[];
  /** Input and output of all calls. */
  readonly tokens: number;
  /** In the currency of the prices; absent where the mailbox has none. */
  readonly cost?: number;
  /** What the output policy took out of the answer; absent where there is no answer. */
  readonly removed?: RemovedCounts;
  /** Why the fallback was sent; absent where the model's own answer was. */
  readonly failure?: string;
}

export type TranscriptStep = ModelStep | ToolStep;

export interface ModelStep {
  readonly kind: "model";
  readonly name: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly ms: number;
  /** Why the model stopped, such as `stop`, `tool-calls` or `length`. */
  readonly finish: string;
}

export interface ToolStep {
  readonly kind: "tool";
  readonly name: string;
  /** As the model gave them; cut where they are long. */
  readonly arguments: string;
  /** `ok`, or why there was no result, such as `tool_timeout`. */
  readonly outcome: string;
  readonly outputLength: number;
  readonly ms: number;
}

export interface RemovedCounts {
  readonly links: number;
  readonly addresses: number;
  readonly pictures: number;
  /** Control characters, direction overrides and others that nobody sees. */
  readonly characters: number;
  readonly cut: boolean;
}
