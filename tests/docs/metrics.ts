import type { Outcome } from "@mailfleet/mail";
import { openTelemetry, type Telemetry } from "@mailfleet/telemetry";

/** A metric as Prometheus sees it. */
export interface Metric {
  readonly help: string;
  readonly type: string;
  readonly labels: ReadonlySet<string>;
}

/** Every metric of the house by its name, with its labels: found by letting everything happen once. */
export async function readMetrics(): Promise<ReadonlyMap<string, Metric>> {
  await using telemetry = openTelemetry("docs", { logLevel: "silent", processMetrics: false });
  letEverythingHappen(telemetry);
  const lines = (await telemetry.metrics()).split("\n");
  const metrics = new Map<string, { help: string; type: string; labels: Set<string> }>();
  for (const line of lines) {
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === "HELP") metrics.set(name, { help: rest, type: "", labels: new Set() });
    if (kind === "TYPE") metrics.get(name)!.type = rest;
    const [, sample = "", labels = ""] = /^([a-z_]+)\{([^}]*)\}/.exec(line) ?? [];
    const of = metrics.get(sample) ?? metrics.get(nameOf(sample));
    for (const [, label = ""] of labels.matchAll(/([a-z_]+)="/g)) of?.labels.add(label);
  }
  return metrics;
}

/** The metric that a series belongs to: histograms have three. */
export const nameOf = (series: string): string => series.replace(/_(bucket|sum|count)$/, "");

const account = { tenantId: "t", accountId: "a" };
const delivery = { ...account, deliveryId: "d", messageId: "m", recipient: "ann@example.org" };
const failures = ["transient_error", "permanent_error", "in_doubt"] as const;

function letEverythingHappen(telemetry: Telemetry): void {
  telemetry.accepted({ ...account, messageId: "m", origin: "http", priority: "medium", recipients: 1, sizeBytes: 1 });
  const outcomes: readonly Outcome[] = [
    { kind: "success", reply: { code: 250, status: "2.0.0", text: "ok" } },
    ...failures.map((kind): Outcome => ({ kind, status: "4.0.0", reason: "" })),
  ];
  for (const outcome of outcomes) {
    telemetry.attempted({ ...delivery, attempt: 1, outcome, durationMs: 1, acceptedToSentMs: 1, priority: "medium" });
  }
  telemetry.deferred({ ...delivery, attempt: 1, nextAt: new Date(0) });
  telemetry.rateLimited({ ...account, deliveries: 1 });
  telemetry.deadLettered({ ...delivery, attempt: 1, status: "5.0.0", reason: "" });
  telemetry.suppressed({ ...delivery, reason: "listed" });
  telemetry.held({ ...delivery, reason: "in_doubt" });
  telemetry.cancelled({ ...delivery, by: "tenant" });

  const trouble = { trouble: "unreachable", status: "4.4.1", reason: "", until: new Date(0) };
  telemetry.accountBlocked({ ...account, ...trouble });
  telemetry.claimsLapsed({ workerId: "1", claimed: 1, transmitting: 1 });
  telemetry.sweepRepaired({ kind: "woken", count: 1 });
  telemetry.roundFailed({ code: "55P03" });
  telemetry.wakesDropped({ count: 1, reason: "redis" });
  telemetry.jobQuarantined({ queue: "q", jobId: "1", reason: "" });
  telemetry.outboxSampled({
    depth: { pending: 1 },
    oldestDueSeconds: 1,
    inbound: { waiting: { pending: 1 }, oldestDueSeconds: 1, mailboxes: { following: 1 } },
  });
  telemetry.queueSampled({ q: { waiting: 1 } });

  const message = { tenantId: "t", mailboxId: "m", inboundId: "i" };
  telemetry.received({ ...message, sizeBytes: 1, skipped: "too_old" });
  telemetry.mailboxState({ ...message, state: "quarantined", reason: "authentication", detail: "" });
  telemetry.leaseTakenOver({ shards: 1 });
  telemetry.answered({ ...message, answerer: "template", messageId: "<1@example.org>" });
  telemetry.awaitingApproval(message);
  telemetry.skipped({ ...message, reason: "list_mail" });
  telemetry.answerFailed({ ...message, reason: "webhook_status", detail: "" });
  telemetry.modelUsed({ tokens: 1 });

  telemetry.measureDatabase(async () => {});

  const remoteAddress = "192.0.2.1";
  telemetry.authAttempt({ via: "http", result: "success", remoteAddress });
  telemetry.smtpSession({ sessionId: "s", result: "quit", remoteAddress, messages: 1, durationMs: 1 });
  telemetry.httpRequest({ requestId: "r", method: "GET", route: "/", status: 200, durationMs: 1 });
}
