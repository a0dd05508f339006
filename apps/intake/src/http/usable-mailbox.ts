/** What would be stored, and then never work: refused when it is set, and not found out at night. */
import type { MailboxSettings } from "@mailfleet/mail";
import type { FieldError } from "./problems.ts";
import { invalidRequest } from "./validation.ts";

/** Throws the request's problem, with every such field. */
export async function checkUsable(
  settings: MailboxSettings,
  hasAccount: (id: string) => Promise<boolean>,
): Promise<void> {
  const errors: FieldError[] = [];
  const { security, allowClearTextAuth, authservIds, answer } = settings;
  if (security === "none" && allowClearTextAuth !== true) {
    const detail = "Without TLS the login travels in clear text: true allows it.";
    errors.push({ path: "/allowClearTextAuth", code: "required", detail });
  }
  if (answer?.requireAuthentication && authservIds.length === 0) {
    const detail =
      "Nothing would be answered: list the authserv-ids of your server, or set answer.requireAuthentication to false.";
    errors.push({ path: "/authservIds", code: "required", detail });
  }
  if (answer?.account !== undefined && !(await hasAccount(answer.account))) {
    errors.push({ path: "/answer/account", code: "unknown_account", detail: "There is no such account." });
  }
  if (errors.length > 0) throw invalidRequest(errors);
}
