/** How a mailbox is answered, as checked by the door that it came through. Secrets lie elsewhere. */
export interface AnswerSettings {
  readonly answerer: AnswererSettings;
  /**
   * `send`: through the outbox. `draft`: appended once to the mailbox's Drafts. `approve`: waits for a person.
   * `shadow`: recorded only.
   */
  readonly mode: AnswerMode;
  /** The account that sends; the tenant's default where it is absent. */
  readonly account?: string;
  /** The From of answers, such as `Support <help@example.org>`. */
  readonly from: string;
  /** The reverse-path of answers: null (RFC 3834, section 3.3) where it is absent. */
  readonly reversePath?: string;
  /** How long an answer waits after the message arrived, so that a person may be faster. */
  readonly answerAfterMs?: number;
  readonly quoteOriginal: boolean;
  /** Where a copy of what was sent is appended; no copy where it is absent. `\Sent` is the folder with that use (RFC 6154). */
  readonly appendTo?: string;
  /** What is done to the message that was answered. */
  readonly markAnswered: boolean;
  readonly markSeen: boolean;
  readonly moveTo?: string;
  readonly inDoubt: "retry" | "hold";
  readonly limits: {
    readonly perCorrespondentPerDay: number;
    readonly perHour: number;
    /** Answers of ours in one thread. */
    readonly threadDepth: number;
  };
  /** An aligned pass of SPF, DKIM or DMARC is required; see `MailboxSettings.authservIds`. */
  readonly requireAuthentication: boolean;
  /** Where the answerer asks for a person: any of these, together. Without any, the message ends as `failed: escalated`. */
  readonly escalate?: {
    readonly forwardTo?: string;
    readonly moveTo?: string;
    /** Called with a signed request, as the webhook is. */
    readonly url?: string;
  };
  /** How often an answerer that fails is tried, before the message ends as `failed`. */
  readonly maxTries: number;
}

export type AnswerMode = "send" | "draft" | "approve" | "shadow";

export type AnswererSettings = TemplateSettings | WebhookSettings | ModelSettings;

/** Liquid; the variables are those of `templateVariables` in the answer package. */
export interface TemplateSettings {
  readonly kind: "template";
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
}

/** Signed with the mailbox's secret `webhookSecret` (Standard Webhooks). */
export interface WebhookSettings {
  readonly kind: "webhook";
  readonly url: string;
  readonly timeoutMs: number;
}

/** An endpoint that speaks OpenAI's chat protocol. Its key is the mailbox's secret `modelKey`. */
export interface ModelSettings {
  readonly kind: "model";
  /** The base, such as `https://models.example.org/v1`. */
  readonly url: string;
  readonly model: string;
  readonly systemPrompt: string;
  readonly temperature?: number;
  /** Of one call, up to 15 minutes. */
  readonly timeoutMs: number;
  readonly maxOutputTokens: number;
  /** Whether pictures (png, jpeg, gif, webp) of the message are shown to it. */
  readonly images: boolean;
  /** How many earlier messages of the thread it is shown, all of them from or to the same correspondent; 0 to 50. */
  readonly threadMessages: number;
  /** Sent once where the model fails for good. */
  readonly fallback?: string;
  /** Names of the operator's tools that it may use. */
  readonly tools: readonly string[];
  /** Tools of the tenant's own, on hosts that the operator allows. */
  readonly httpTools: readonly HttpToolSettings[];
  /** Hosts, and their subdomains, that an answer may link to; other links are taken out. */
  readonly linkHosts: readonly string[];
  /** Model calls per message, tools included. */
  readonly maxSteps: number;
  readonly tokensPerMessage: number;
  readonly tokensPerDay?: number;
  /** In the currency of the prices. */
  readonly costPerMessage?: number;
  readonly costPerDay?: number;
  readonly price?: { readonly inputPerMillion: number; readonly outputPerMillion: number };
}

export interface HttpToolSettings {
  readonly name: string;
  readonly description: string;
  readonly url: string;
  readonly method: "GET" | "POST";
  /** JSON Schema of its arguments: a query for GET, a JSON body for POST. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number;
}
