import { randomBytes } from "node:crypto";
import { Secret } from "@mailfleet/config";
import { EmbeddedError, startEmbeddedPostgres, startPrivateRedis } from "@mailfleet/embedded";
import type { Scope } from "@mailfleet/service";
import { CliError } from "../cli-error.ts";
import { dataFiles, keepSecret } from "../data-folder.ts";
import { keepAlive } from "./keep-alive.ts";
import type { Plan, Servers } from "./plan.ts";
import type { Step } from "./steps.ts";

/** Servers and keys as far as they are known. */
export type FoundServers = { -readonly [K in keyof Servers]?: Servers[K] };

/** What the environment names. */
export const toldServers = ({ databaseUrl, redisUrl, adminToken, secretKeys }: Plan): FoundServers => ({
  ...(databaseUrl && { databaseUrl }),
  ...(redisUrl && { redisUrl }),
  ...(adminToken && { adminToken }),
  ...(secretKeys && { secretKeys: secretKeys.reveal().map((key) => key.toString("base64")) }),
});

/** The steps that bring what the environment does not name; each adds what it brings to `found`. */
export function ownServerSteps(
  { dataDir, isEmbedded }: Plan,
  scope: Scope,
  found: FoundServers,
  stderr: Pick<NodeJS.WritableStream, "write">,
): readonly Step[] {
  const steps: Step[] = [];
  if (isEmbedded) {
    steps.push(
      {
        title: "Keys",
        async run() {
          const { adminToken, secretKeys } = dataFiles;
          found.adminToken ??= new Secret(
            await keepSecret(dataDir, adminToken, () => `mfa_${randomBytes(32).toString("base64url")}`),
          );
          found.secretKeys ??= [await keepSecret(dataDir, secretKeys, () => randomBytes(32).toString("base64"))];
          return `in ${dataDir}`;
        },
      },
      {
        title: "PostgreSQL",
        async run() {
          const server = scope.own(await startEmbeddedPostgres({ dataDir }), "PostgreSQL");
          keepAlive("PostgreSQL", server, scope, stderr);
          found.databaseUrl = new Secret(server.url);
          return portText(server);
        },
      },
    );
  }
  if (found.redisUrl === undefined) {
    steps.push({
      title: "Redis",
      async run() {
        const server = scope.own(await startPrivateRedis({ dataDir }).catch(sayHowToGetRedis), "Redis");
        keepAlive("Redis", server, scope, stderr);
        found.redisUrl = new Secret(server.url);
        return portText(server);
      },
    });
  }
  return steps;
}

function sayHowToGetRedis(error: unknown): never {
  if (!(error instanceof EmbeddedError) || error.code !== "program_missing") throw error;
  throw new CliError("No redis-server on the PATH: apt-get install redis-server, or set MAILFLEET_REDIS_URL.", {
    cause: error,
  });
}

const portText = ({ port, adopted }: { readonly port: number; readonly adopted: boolean }): string =>
  `${adopted ? "took over the one " : ""}on port ${port}`;

/** All servers and keys; every one was told or brought. */
export function allServers({ databaseUrl, redisUrl, adminToken, secretKeys }: FoundServers): Servers {
  if (!databaseUrl || !redisUrl || !adminToken || !secretKeys) throw new TypeError("a server or a key is missing");
  return { databaseUrl, redisUrl, adminToken, secretKeys };
}
