import { Cluster, Redis, type RedisOptions } from "ioredis";
import { parseRedisUrl, type RedisAddress } from "./redis-url.ts";

/** Where a connection's ups and downs are written. */
export interface ConnectionLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

export type RedisClient = Redis | Cluster;

/**
 * How a connection treats a Redis that is away. `hasty`: each command ends within `commandTimeoutMs`, and fails at
 * once while there is no connection. `patient`: commands wait for Redis to come back, as BullMQ's workers want it.
 */
export type Temper = "hasty" | "patient";

const commandTimeoutMs = 500;
const connectTimeoutMs = 5_000;
const maxReconnectDelayMs = 1_000;

/**
 * Opens a connection, which looks for Redis on its own for as long as it takes. `name` is what Redis shows for it.
 * Redis being away is written once, and so is its return.
 */
export function openClient(url: string, temper: Temper, name: string, log: ConnectionLog): RedisClient {
  const address = parseRedisUrl(url);
  const client = address.kind === "cluster" ? openCluster(address, temper, name) : openRedis(address, temper, name);
  watchConnection(client, name, log);
  return client;
}

/** Whether commands can be sent now. A cluster says "connect" where one Redis says "ready". */
export const isConnected = (client: RedisClient): boolean =>
  client.status === "ready" || (client.isCluster && client.status === "connect");

const reconnectDelayMs = (times: number) => Math.min(50 * 2 ** Math.min(times, 10), maxReconnectDelayMs);

function openRedis(address: Exclude<RedisAddress, { kind: "cluster" }>, temper: Temper, name: string): Redis {
  const options = {
    ...commonOptions(address, temper, name),
    db: address.database,
    retryStrategy: reconnectDelayMs,
    enableOfflineQueue: temper === "patient",
  } satisfies RedisOptions;
  if (address.kind === "standalone") return new Redis({ ...options, ...address.node });
  return new Redis({
    ...options,
    sentinels: [...address.nodes],
    name: address.masterName,
    ...(address.sentinelPassword === undefined ? {} : { sentinelPassword: address.sentinelPassword }),
    ...(address.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    sentinelRetryStrategy: reconnectDelayMs,
  });
}

function openCluster(address: Extract<RedisAddress, { kind: "cluster" }>, temper: Temper, name: string): Cluster {
  return new Cluster([...address.nodes], {
    redisOptions: commonOptions(address, temper, name),
    clusterRetryStrategy: reconnectDelayMs,
    enableOfflineQueue: temper === "patient",
    // Names that TLS certificates are for must reach the socket unresolved.
    ...(address.tls ? { dnsLookup: (host, done) => done(null, host) } : {}),
  });
}

function commonOptions({ tls, username, password }: RedisAddress, temper: Temper, name: string) {
  return {
    connectionName: name,
    connectTimeout: connectTimeoutMs,
    // A client that is told to go while Redis is away arms a timer of this length, which nobody clears.
    disconnectTimeout: 100,
    keepAlive: 10_000,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
    // After a failover the old master answers READONLY: only a new connection finds the new one.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    ...(temper === "patient"
      ? { maxRetriesPerRequest: null }
      : { maxRetriesPerRequest: 0, commandTimeout: commandTimeoutMs, autoResendUnfulfilledCommands: false }),
  } satisfies RedisOptions;
}

/**
 * Watches the connections that BullMQ makes from `client` for commands that block, and lists them as they come,
 * since only whoever holds them can close them while Redis is away.
 */
export function trackDuplicates(client: RedisClient, name: string, log: ConnectionLog): readonly RedisClient[] {
  const made: RedisClient[] = [];
  const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => RedisClient;
  client.duplicate = ((...args: unknown[]) => {
    const copy = duplicate(...args);
    watchConnection(copy, name, log);
    made.push(copy);
    return copy;
  }) as never;
  return made;
}

/** Without a listener of its own, an error event would end the process. */
function watchConnection(client: RedisClient, name: string, log: ConnectionLog): void {
  let isAway = false;
  const onTrouble = (error?: Error) => {
    if (isAway) return;
    isAway = true;
    log.warn({ event: "redis_away", connection: name, err: error }, "Redis is away; errands wait for a sweep");
  };
  client.on("error", onTrouble);
  client.on("reconnecting", () => onTrouble());
  client.on("ready", () => {
    if (isAway) log.info({ event: "redis_back", connection: name }, "Redis is back");
    isAway = false;
  });
}
