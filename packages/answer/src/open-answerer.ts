import type { AnswererSettings, MailboxSecrets } from "@mailfleet/mail";
import type { Answerer } from "./answerer.ts";
import type { OperatorConfig } from "./model/index.ts";
import { openTemplateAnswerer } from "./template.ts";
import { openWebhookAnswerer } from "./webhook.ts";

/** The answerer that a mailbox's settings name. Cheap, and it holds nothing: one may be opened for each message. */
export function openAnswerer(
  settings: AnswererSettings,
  secrets: Pick<MailboxSecrets, "webhookSecret" | "modelKey" | "toolToken">,
  operator: OperatorConfig,
): Answerer {
  switch (settings.kind) {
    case "template":
      return openTemplateAnswerer(settings);
    case "webhook":
      return openWebhookAnswerer(settings, secrets, operator);
    case "model":
      return {
        async answer(request, context) {
          // Loaded when a model is first asked: the AI SDK is large, and most processes that read settings ask none.
          const { openModelAnswerer } = await import("./model/index.ts");
          return openModelAnswerer(settings, secrets, operator).answer(request, context);
        },
      };
  }
}
