/** A Redis and how to log in to it, read from one URL. */
export type RedisAddress = (
  | { readonly kind: "standalone"; readonly node: RedisNode }
  | {
      readonly kind: "sentinel";
      readonly nodes: readonly RedisNode[];
      /** The name that the sentinels know the master by. */
      readonly masterName: string;
      readonly sentinelPassword?: string;
    }
  | { readonly kind: "cluster"; readonly nodes: readonly RedisNode[] }
) & {
  readonly tls: boolean;
  /** An ACL user; without it, Redis' default user. */
  readonly username?: string;
  readonly password?: string;
  /** The number of the database; 0 in a cluster. */
  readonly database: number;
};

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** Says what is wrong without repeating the URL, which holds a password. */
export class RedisUrlError extends Error {
  override readonly name = "RedisUrlError";
}

const pattern = /^(rediss?)(\+sentinel|\+cluster)?:\/\/(?:([^@/]*)@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/;

/**
 * Reads one of
 *
 *     redis://user:password@host:6379/0
 *     redis+sentinel://user:password@host1:26379,host2:26379/master/0?sentinelPassword=…
 *     redis+cluster://user:password@host1:6379,host2:6379
 *
 * With `rediss` in place of `redis`, TLS is spoken. User and password are percent-encoded; both may be absent.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const [, scheme, flavour, login, hosts, path = "", query = ""] = pattern.exec(url) ?? [];
  if (scheme === undefined || hosts === undefined) throw new RedisUrlError("the Redis URL cannot be read");

  const common = { tls: scheme === "rediss", ...readLogin(login) };
  const nodes = (defaultPort: number) => hosts.split(",").map((host) => readNode(host, defaultPort));
  const [first = "", second] = path.split("/");
  switch (flavour) {
    case "+sentinel": {
      if (first === "") throw new RedisUrlError("the Redis URL names sentinels, but no master after them");
      const sentinelPassword = new URLSearchParams(query).get("sentinelPassword");
      return {
        ...common,
        kind: "sentinel",
        nodes: nodes(26_379),
        masterName: decodeURIComponent(first),
        ...(sentinelPassword === null ? {} : { sentinelPassword }),
        database: readDatabase(second),
      };
    }
    case "+cluster":
      if (first !== "" && first !== "0") throw new RedisUrlError("a Redis cluster has database 0 only");
      return { ...common, kind: "cluster", nodes: nodes(6_379), database: 0 };
    default: {
      const [node, ...others] = nodes(6_379);
      if (node === undefined || others.length > 0) {
        throw new RedisUrlError("several hosts need redis+sentinel:// or redis+cluster://");
      }
      return { ...common, kind: "standalone", node, database: readDatabase(first) };
    }
  }
}

function readLogin(login: string | undefined): { readonly username?: string; readonly password?: string } {
  if (!login) return {};
  const colon = login.indexOf(":");
  const username = decode(colon < 0 ? login : login.slice(0, colon));
  const password = colon < 0 ? "" : decode(login.slice(colon + 1));
  return { ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

function readNode(text: string, defaultPort: number): RedisNode {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const number = port === undefined ? defaultPort : Number(port);
  if (host === undefined || number < 1 || number > 65_535) {
    throw new RedisUrlError("the Redis URL has a host or a port that cannot be read");
  }
  return { host, port: number };
}

function readDatabase(text: string | undefined): number {
  if (!text) return 0;
  if (!/^\d{1,4}$/.test(text)) throw new RedisUrlError("the Redis URL has a database that is no number");
  return Number(text);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RedisUrlError("the Redis URL has a user or a password that is not percent-encoded");
  }
}
