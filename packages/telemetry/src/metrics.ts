import { Gauge, Histogram, type Registry } from "prom-client";
import { cappedByAccount } from "./capped-labels.ts";
import { tallies } from "./tally.ts";

export type Metrics = ReturnType<typeof defineMetrics>;

export type AttemptOutcome = "success" | "transient_error" | "permanent_error" | "in_doubt";

/** From a millisecond to a day: mail may wait for a greylisting, an outage, or an hour that was asked for. */
const waitSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400];
const attemptSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const sizeBytes = [1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];

/** Every metric that the outbound fleet feeds. No label ever holds an address; tenants and accounts are capped. */
export function defineMetrics(
  registry: Registry,
  { maxTenants, maxAccounts }: { readonly maxTenants: number; readonly maxAccounts: number },
) {
  const registers = [registry];
  const byAccount = ["tenant", "account"] as const;
  const sent = tallies(registry, "mailfleet_sent_total", "Deliveries that a next hop accepted.", byAccount);
  const errors = tallies(registry, "mailfleet_errors_total", "Attempts that ended in an error.", [
    ...byAccount,
    "kind",
  ]);
  const inDoubt = tallies(registry, "mailfleet_in_doubt_total", "Attempts whose end nobody knows.", byAccount);
  const deferred = tallies(registry, "mailfleet_deferred_total", "Deliveries put off to a later attempt.", byAccount);
  const limited = tallies(registry, "mailfleet_rate_limited_total", "Deliveries that waited for a limit.", byAccount);
  const deadLettered = tallies(registry, "mailfleet_dead_lettered_total", "Deliveries given up.", byAccount);
  const blocked = tallies(registry, "mailfleet_account_blocks_total", "Times an account was blocked.", [
    ...byAccount,
    "reason",
  ]);

  const ofAccount = cappedByAccount(
    (tenant, account) => {
      const labels = { tenant, account };
      return {
        sent: sent(labels),
        transientErrors: errors({ ...labels, kind: "transient_error" }),
        permanentErrors: errors({ ...labels, kind: "permanent_error" }),
        inDoubt: inDoubt(labels),
        deferred: deferred(labels),
        rateLimited: limited(labels),
        deadLettered: deadLettered(labels),
        blocks: byLabel((reason) => blocked({ ...labels, reason })),
      };
    },
    { maxTenants, maxAccounts },
  );

  const counter = <L extends string>(name: string, help: string, label: L) => {
    const make = tallies(registry, name, help, [label]);
    return byLabel((value) => make({ [label]: value } as Record<L, string>));
  };
  const histogram = <L extends string>(name: string, help: string, buckets: readonly number[], labelNames: L[]) =>
    new Histogram<L>({ name, help, buckets: [...buckets], labelNames, registers });

  const attempts = histogram("mailfleet_attempt_seconds", "How long an attempt took.", attemptSeconds, ["outcome"]);
  const waits = histogram("mailfleet_accepted_to_sent_seconds", "From acceptance to the next hop's yes.", waitSeconds, [
    "priority",
  ]);

  return {
    ofAccount,
    attemptSeconds: byLabel((outcome: AttemptOutcome) => attempts.labels({ outcome })),
    acceptedToSentSeconds: byLabel((priority: string) => waits.labels({ priority })),
    accepted: counter("mailfleet_accepted_total", "Messages accepted.", "origin"),
    messageSizeBytes: histogram("mailfleet_message_size_bytes", "Size of accepted messages.", sizeBytes, []),
    suppressed: counter("mailfleet_suppressed_total", "Deliveries to suppressed recipients.", "reason"),
    held: counter("mailfleet_held_total", "Deliveries held for a decision.", "reason"),
    cancelled: counter("mailfleet_cancelled_total", "Deliveries cancelled.", "by"),

    outboxDepth: new Gauge({
      name: "mailfleet_outbox_depth",
      help: "Unfinished deliveries, as the elected sampler saw them.",
      labelNames: ["state"],
      registers,
    }),
    outboxOldestDueSeconds: new Gauge({
      name: "mailfleet_outbox_oldest_due_seconds",
      help: "For how long the oldest sendable delivery has waited.",
      registers,
    }),
    inboundDepth: new Gauge({
      name: "mailfleet_inbound_depth",
      help: "Inbound messages that wait for their end, as the elected sampler saw them.",
      labelNames: ["state"],
      registers,
    }),
    inboundOldestDueSeconds: new Gauge({
      name: "mailfleet_inbound_oldest_due_seconds",
      help: "For how long the oldest message that may be answered has waited.",
      registers,
    }),
    mailboxes: new Gauge({
      name: "mailfleet_mailboxes",
      help: "Watched mailboxes, as the elected sampler saw them.",
      labelNames: ["state"],
      registers,
    }),
    queueJobs: new Gauge({
      name: "mailfleet_queue_jobs",
      help: "Jobs in Redis.",
      labelNames: ["queue", "state"],
      registers,
    }),
    droppedWakes: counter("mailfleet_dropped_wakes_total", "Wake-ups that Redis did not take.", "reason"),
    quarantinedJobs: counter("mailfleet_quarantined_jobs_total", "Jobs whose payload did not fit.", "queue"),

    lapsedClaims: counter("mailfleet_lapsed_claims_total", "Claims that outlived their worker's lease.", "state"),
    sweepRepairs: counter("mailfleet_sweep_repairs_total", "Errands that a sweep had to make anew.", "kind"),
    roundFailures: counter("mailfleet_round_failures_total", "Rounds that the database failed.", "code"),

    leaseTakeovers: counter("mailfleet_lease_takeovers_total", "What was taken over from a lapsed lease.", "kind"),
    inbound: counter("mailfleet_inbound_total", "Inbound messages that have ended, by how.", "outcome"),
    answers: counter("mailfleet_answers_total", "Answers, by who wrote them.", "answerer"),
    answerErrors: counter("mailfleet_answer_errors_total", "Tries to answer that came to nothing.", "reason"),
    modelTokens: tallies(registry, "mailfleet_model_tokens_total", "Tokens that models have used.", [])({}),

    httpSeconds: histogram("mailfleet_http_seconds", "How long HTTP requests took.", requestSeconds, [
      "method",
      "route",
      "status",
    ]),
    smtpSessions: counter("mailfleet_smtp_sessions_total", "SMTP sessions, by how they ended.", "result"),
    authAttempts: counter("mailfleet_auth_attempts_total", "Attempts to authenticate.", "result"),
  };
}

/** At most this many values of one label; callers pass codes, so more are a mistake that must not cost memory. */
const maxLabelValues = 64;

/** Makes the thing for a label value once, and hands out the same one from then on. */
function byLabel<V extends string, T>(make: (value: V) => T): (value: V) => T {
  const made = new Map<string, T>();
  return (value) => {
    let found = made.get(value);
    if (found === undefined) {
      const name = made.size < maxLabelValues ? value : ("other" as V);
      found = made.get(name) ?? make(name);
      made.set(name, found);
    }
    return found;
  };
}
