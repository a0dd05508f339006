/** By what a report is found to be about a delivery of ours. */
import { deliveryOfEnvelopeId } from "../envelope-id.ts";
import { findField, type Header } from "../message-header.ts";
import type { Sign } from "../signed-name.ts";
import { deliveryOfVerp } from "../verp.ts";
import { type Report, type ReportTraces, reportLimits } from "./report.ts";

export interface Traced {
  /** The report's own. */
  readonly top: Header;
  /** That of the message which the report is about. */
  readonly returned: Header | undefined;
  readonly envelopeId?: string | undefined;
  readonly messageId?: string | undefined;
  /** Texts of the report's own parts. */
  readonly texts: readonly string[];
}

// Wherever it stands: a forwarder's rewriting (SRS) and a list's put text before the local part.
const reversePath = /b\+[a-z2-7]{26}-[a-z2-7]{16}@[a-z0-9.-]{1,255}/gi;
const messageId = /<[^<>@\s]{1,400}@[^<>@\s]{1,400}>/g;

export function tracesOf({ top, returned, envelopeId, messageId: told, texts }: Traced): ReportTraces {
  const paths = new Set<string>();
  const collectPaths = (text: string): void => {
    for (const [found] of text.matchAll(reversePath)) {
      if (paths.size < reportLimits.reversePaths) paths.add(found);
    }
  };
  for (const { value } of top.fields) collectPaths(value);
  for (const { value } of returned?.fields ?? []) collectPaths(value);
  for (const text of texts) collectPaths(text);

  const ids = new Set<string>();
  const named = [
    returned && findField(returned, "Message-ID")?.value,
    told,
    findField(top, "In-Reply-To")?.value,
    findField(top, "References")?.value,
  ];
  for (const text of named) {
    for (const [found] of (text ?? "").slice(0, 65_536).matchAll(messageId)) {
      if (ids.size < reportLimits.messageIds) ids.add(found);
    }
  }
  return { ...(envelopeId !== undefined && { envelopeId }), reversePaths: [...paths], messageIds: [...ids] };
}

/** The delivery that a report is about, where a name that we have signed says so; else undefined. */
export function deliveryOfReport(report: Report, signers: readonly Sign[]): string | undefined {
  for (const address of report.reversePaths) {
    const delivery = deliveryOfVerp(address.slice(address.toLowerCase().indexOf("b+")), signers);
    if (delivery !== undefined) return delivery;
  }
  return report.envelopeId === undefined ? undefined : deliveryOfEnvelopeId(report.envelopeId, signers);
}
