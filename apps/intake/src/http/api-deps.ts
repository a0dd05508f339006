import type { OperatorConfig } from "@mailfleet/answer";
import type { Parser } from "@mailfleet/parser";
import type { Health } from "@mailfleet/service";
import type { Acceptor, InboundScale, Sendable, Store } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import type { NextHopReport, NextHopSettings } from "@mailfleet/transport";
import type { ProblemReader } from "./problem-of.ts";
import type { TenantViews } from "./tenant-views.ts";

/** What the routes work with. */
export interface ApiDeps {
  readonly store: Pick<
    Store,
    | "tenants"
    | "apiKeys"
    | "accounts"
    | "mailboxes"
    | "inbound"
    | "questions"
    | "messages"
    | "deliveries"
    | "suppressions"
    | "commandLog"
    | "stats"
  >;
  readonly acceptor: Pick<Acceptor, "accept">;
  /** Asks for a turn of the account: fire and forget, whether Redis is there or not. */
  readonly wake: (accountUid: number, options: { readonly express: boolean }) => void;
  /** Asks for work on what came in; likewise. */
  readonly wakeAnswer: (inboundUid: string) => void;
  readonly parser: Pick<Parser, "parse" | "extractAttachment">;
  readonly operator: OperatorConfig;
  readonly sendable: Sendable;
  readonly inboundScale: InboundScale;
  readonly telemetry: Pick<Telemetry, "accepted" | "cancelled" | "log">;
  readonly health: Health;
  readonly tenantViews: TenantViews;
  readonly problemOf: ProblemReader;
  readonly verifyNextHop: (settings: NextHopSettings) => Promise<NextHopReport>;
  readonly now: () => Date;
}
