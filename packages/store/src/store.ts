import path from "node:path";
import { pathToFileURL } from "node:url";
import { type AccessTokens, openAccessTokens } from "./access-tokens.ts";
import { type Accounts, openAccounts } from "./accounts.ts";
import { type Answering, openAnswering } from "./answering.ts";
import { type ApiKeys, openApiKeys } from "./api-keys.ts";
import { type BlobStore, openBlobStore } from "./blob.ts";
import { type CommandLog, openCommandLog } from "./command-log.ts";
import { type Database, openDatabase } from "./database.ts";
import { type Deliveries, openDeliveries } from "./deliveries.ts";
import { type DeliveryReports, openDeliveryReports } from "./delivery-reports.ts";
import { type Following, openFollowing } from "./following.ts";
import { type Inbound, openInbound } from "./inbound.ts";
import { type MailboxActions, openMailboxActions } from "./mailbox-actions.ts";
import { type Mailboxes, openMailboxes } from "./mailboxes.ts";
import { type Messages, openMessages } from "./messages.ts";
import { type ModelBudget, openModelBudget } from "./model-budget.ts";
import { openQuestions, type Questions } from "./questions.ts";
import { resealSecrets } from "./reseal.ts";
import { openSecretKeys } from "./seal.ts";
import { openShards, type Shards } from "./shards.ts";
import { openStats, type Stats } from "./stats.ts";
import { openSuppressions, type Suppressions } from "./suppressions.ts";
import { openTenants, type Tenants } from "./tenants.ts";

export interface StoreOptions {
  readonly databaseUrl: string;
  /** Connections of this process. */
  readonly poolSize: number;
  /** 32-byte keys in base64: the first seals, all open. */
  readonly secretKeys: readonly string[];
  /** Where large content lies (see `openBlobStore`); else in `dataDir`; else in the database, whatever its size. */
  readonly blobUrl?: string;
  readonly dataDir?: string;
  /** Called for trouble with idle connections. */
  readonly onError?: (error: Error) => void;
}

/** Everything that SQL knows, one part per aggregate. */
export interface Store extends AsyncDisposable {
  readonly db: Database;
  readonly blobs?: BlobStore;
  readonly tenants: Tenants;
  readonly apiKeys: ApiKeys;
  readonly accounts: Accounts;
  readonly messages: Messages;
  readonly deliveries: Deliveries;
  readonly deliveryReports: DeliveryReports;
  readonly suppressions: Suppressions;
  readonly mailboxes: Mailboxes;
  readonly shards: Shards;
  readonly following: Following;
  readonly mailboxActions: MailboxActions;
  readonly accessTokens: AccessTokens;
  readonly inbound: Inbound;
  readonly answering: Answering;
  readonly modelBudget: ModelBudget;
  readonly questions: Questions;
  readonly commandLog: CommandLog;
  /** What signs names that leave the house, such as reverse-paths; see `SecretKeys`. */
  readonly signers: readonly ((text: string) => Buffer)[];
  /** Of one tenant, or of all. */
  stats(tenantId?: string): Promise<Stats>;
  /** Seals by the first secret key what others have sealed; returns how many accounts and mailboxes it was. */
  reseal(): Promise<number>;
}

/** Connects when it is first asked something. Throws SealError and BlobError for options that cannot be used. */
export function openStore({ databaseUrl, poolSize, secretKeys, blobUrl, dataDir, onError }: StoreOptions): Store {
  const keys = openSecretKeys(secretKeys);
  const blobPlace = blobUrl ?? (dataDir === undefined ? undefined : pathToFileURL(path.resolve(dataDir, "blobs")).href);
  const blobs = blobPlace === undefined ? undefined : openBlobStore(blobPlace);
  const db = openDatabase({ url: databaseUrl, poolSize, ...(onError && { onError }) });
  return {
    db,
    ...(blobs && { blobs }),
    signers: keys.signers,
    tenants: openTenants(db),
    apiKeys: openApiKeys(db),
    accounts: openAccounts(db, keys),
    messages: openMessages(db, blobs),
    deliveries: openDeliveries(db),
    deliveryReports: openDeliveryReports(keys.signers),
    suppressions: openSuppressions(db),
    mailboxes: openMailboxes(db, keys),
    shards: openShards(db),
    following: openFollowing(db),
    mailboxActions: openMailboxActions(db),
    accessTokens: openAccessTokens(db, keys),
    inbound: openInbound(db, blobs),
    answering: openAnswering(db, blobs),
    modelBudget: openModelBudget(db),
    questions: openQuestions(db),
    commandLog: openCommandLog(db),
    stats: openStats(db),
    reseal: () => resealSecrets(db, keys),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  };
}
