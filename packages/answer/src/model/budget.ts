/** What models may use up: of tokens, and of money. */
import type { ModelSettings } from "@mailfleet/mail";

export interface ModelUse {
  readonly tokens: number;
  /** In the currency of the prices; 0 where the mailbox has none. */
  readonly cost: number;
}

/**
 * The caps that outlive a message: of the mailbox's day, and of the tenant. Asked before each call of a model, never
 * for one that is replayed. What was reserved and not spent (a crash, a call that never returned) stays reserved,
 * since nobody knows what it cost.
 */
export interface ModelBudget {
  /** Sets aside the most that one call may use; false, and nothing is set aside, where a cap would be passed. */
  reserve(use: ModelUse): Promise<boolean>;
  /** What was used in truth, in place of what was reserved. */
  spent(reserved: ModelUse, used: ModelUse): Promise<void>;
}

/** How much the next call may answer. */
export interface Allowance {
  readonly maxOutputTokens: number;
  /** The most that the call may use, by our estimate of its input. */
  readonly reserve: ModelUse;
}

/** A model that may answer with less says nothing useful. */
const leastOutputTokens = 16;

/** What is left for one call under the caps of the message; undefined where it is too little. */
export function allowanceOf(settings: ModelSettings, used: ModelUse, inputTokens: number): Allowance | undefined {
  const left = [settings.maxOutputTokens, settings.tokensPerMessage - used.tokens - inputTokens];
  const { costPerMessage, price } = settings;
  if (costPerMessage !== undefined && price && price.outputPerMillion > 0) {
    const money = costPerMessage - used.cost - costOf(settings, inputTokens, 0);
    left.push(Math.floor((money * 1_000_000) / price.outputPerMillion));
  }
  const maxOutputTokens = Math.min(...left);
  if (maxOutputTokens < leastOutputTokens) return undefined;
  const reserve = {
    tokens: inputTokens + maxOutputTokens,
    cost: costOf(settings, inputTokens, maxOutputTokens),
  };
  return costPerMessage !== undefined && used.cost + reserve.cost > costPerMessage + 1e-9
    ? undefined
    : { maxOutputTokens, reserve };
}

export function costOf({ price }: ModelSettings, inputTokens: number, outputTokens: number): number {
  if (!price) return 0;
  return (inputTokens * price.inputPerMillion + outputTokens * price.outputPerMillion) / 1_000_000;
}

/** Three bytes a token is more than any tokenizer makes of ordinary text; a picture costs its tiles, whatever it shows. */
export const estimateTokens = (bytes: number, pictures = 0): number => Math.ceil(bytes / 3) + pictures * 1_600;
