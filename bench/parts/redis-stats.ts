/** What Redis has counted, read in its own protocol, since the bench must not count a driver's own commands. */
import { connect } from "node:net";

export interface RedisStats {
  /** Commands that clients have sent since the server started. What scripts call inside is not among them. */
  readonly clientCommands: number;
  readonly usedMemoryBytes: number;
  readonly peakMemoryBytes: number;
}

/**
 * What the fleet's clients send by themselves. `INFO commandstats` counts calls inside scripts as well, and BullMQ's scripts
 * call none of these, save the last two, which are counted in full: the figure is an upper bound.
 */
const sentByClients = [
  ...[
    "evalsha",
    "eval",
    "fcall",
    "bzpopmin",
    "brpoplpush",
    "blmove",
    "info",
    "ping",
    "hello",
    "auth",
    "client",
    "script",
  ],
  ...["multi", "exec", "llen", "lrange"],
];

const replyLimitMs = 5_000;

export async function redisStats(url: string): Promise<RedisStats> {
  const commands = await ask(url, "INFO commandstats");
  const memory = await ask(url, "INFO memory");
  let clientCommands = 0;
  for (const [, name, calls] of commands.matchAll(/^cmdstat_([a-z]+)[^:]*:calls=(\d+)/gm)) {
    if (sentByClients.includes(name ?? "")) clientCommands += Number(calls);
  }
  return {
    clientCommands,
    usedMemoryBytes: Number(memory.match(/^used_memory:(\d+)/m)?.[1]),
    peakMemoryBytes: Number(memory.match(/^used_memory_peak:(\d+)/m)?.[1]),
  };
}

export async function redisPid(url: string): Promise<number> {
  return Number((await ask(url, "INFO server")).match(/^process_id:(\d+)/m)?.[1]);
}

/** One inline command; resolves with its bulk reply. */
function ask(url: string, command: string): Promise<string> {
  const { hostname, port, password } = new URL(url);
  return new Promise((resolve, reject) => {
    let heard = "";
    const socket = connect({ host: hostname, port: Number(port) });
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    socket.setEncoding("latin1");
    socket.setTimeout(replyLimitMs, () => fail(new Error(`Redis did not answer ${command}`)));
    socket.once("error", fail);
    socket.once("connect", () => socket.write(`AUTH ${password}\r\n${command}\r\n`));
    socket.on("data", (chunk) => {
      heard += chunk;
      const header = heard.match(/^\+OK\r\n\$(\d+)\r\n/);
      if (!header) return heard.startsWith("-") ? fail(new Error(`Redis answered ${heard}`)) : undefined;
      const body = heard.slice(header[0].length);
      if (body.length < Number(header[1])) return;
      socket.destroy();
      resolve(body.slice(0, Number(header[1])));
    });
  });
}
