import { createHash, randomBytes } from "node:crypto";
import { privateDatabase } from "@mailfleet/testkit";
import { accept, prepare } from "../accept.ts";
import type { AccountSettings } from "../account-settings.ts";
import { type DeliveryRecord, recordRow } from "../delivery-record.ts";
import { openStore, type Store } from "../store.ts";
import type { Acceptance, Submission } from "../submission.ts";
import { joinAsWorker } from "../worker-lease.ts";

export type Accepted = Extract<Acceptance, { kind: "accepted" }>;

/** A store on a database of its own, with hands that accept, claim and record as the fleet does. */
export interface Rig extends AsyncDisposable {
  readonly store: Store;
  readonly secretKey: string;
  readonly databaseUrl: string;
  readonly workerId: number;
  /** Makes the tenant and its account where they are missing; the account's uid. */
  account(tenantId: string, id?: string, settings?: Partial<AccountSettings>): Promise<number>;
  submit(tenantId: string, changes?: Partial<Submission> & { readonly to?: readonly string[] }): Promise<Accepted>;
  /** Claims up to `want` of an account's due deliveries; their ids. */
  claim(accountUid: number, want?: number): Promise<string[]>;
  /** `go`, or why not. */
  promote(deliveryUid: string): Promise<string>;
  record(
    deliveryUid: string,
    changes: Partial<DeliveryRecord> & Pick<DeliveryRecord, "next" | "tenantId">,
  ): Promise<void>;
}

export const hop: AccountSettings = { host: "127.0.0.1", port: 2525, security: "none" };

export async function openRig(): Promise<Rig> {
  const database = await privateDatabase();
  const secretKey = randomBytes(32).toString("base64");
  const store = openStore({ databaseUrl: database.url, poolSize: 8, secretKeys: [secretKey] });
  const lease = await joinAsWorker(store.db, { app: "test" });
  const round = (records: unknown, promoted: unknown, claims: unknown) =>
    store.db.query<{ kind: string; verdict: string; delivery_uid: string }>(
      "select kind, verdict, delivery_uid from mailfleet.round($1, $2, $3, $4)",
      [lease.id, records, promoted, claims],
    );

  return {
    store,
    secretKey,
    databaseUrl: database.url,
    workerId: lease.id,
    async account(tenantId, id = "main", settings = {}) {
      if (!(await store.tenants.get(tenantId))) await store.tenants.put(tenantId, {});
      const put = await store.accounts.put(tenantId, id, { ...hop, ...settings });
      if (put.kind !== "put") throw new Error(put.kind);
      return put.account.uid;
    },
    async submit(tenantId, { to = ["ann@example.org"], ...changes } = {}) {
      const content = Buffer.from("Subject: hello\r\n\r\nhello\r\n");
      const envelope = {
        reversePath: "us@example.com",
        recipients: to.map((address) => ({ address })),
        smtpUtf8: false,
        eightBit: false,
      };
      const submission: Submission = {
        tenantId,
        origin: "tenant",
        digest: createHash("sha256").update(JSON.stringify(envelope)).digest(),
        envelope,
        messageId: "<1@example.com>",
        content,
        priority: "medium",
        inDoubt: "retry",
        via: "http",
        ...changes,
      };
      const [acceptance] = await accept(store.db, [prepare(submission)]);
      if (acceptance?.kind !== "accepted") throw new Error(JSON.stringify(acceptance));
      return acceptance;
    },
    async claim(accountUid, want = 100) {
      const request = { n: 0, account: accountUid, want, heads: [0, 0, 0, 0, 0], express: false, suspects: true };
      const rows = await round(null, null, JSON.stringify([request]));
      return rows.filter(({ verdict }) => verdict === "claimed").map((row) => row.delivery_uid);
    },
    async promote(deliveryUid) {
      const [row] = await round(null, [deliveryUid], null);
      return row?.verdict ?? "go";
    },
    async record(deliveryUid, changes) {
      const made = { attempt: 1, outcome: "success", status: "2.0.0", reason: "ok", durationMs: 5 } as const;
      const record = recordRow({ deliveryUid, workerId: lease.id, ...made, ...changes });
      const rows = await round(JSON.stringify([record]), null, null);
      if (rows.length > 0) throw new Error("the delivery was not in hand");
    },
    async [Symbol.asyncDispose]() {
      await lease[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
