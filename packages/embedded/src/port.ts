import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { EmbeddedError } from "./embedded-error.ts";

/**
 * The loopback port for a server: the one asked for, or the one recorded in `file` by an earlier start
 * (so that addresses people noted down stay good), or a free one, which is then recorded.
 *
 * Throws `port_taken` where the port asked for is not free.
 */
export async function choosePort(file: string, wanted: number | undefined): Promise<number> {
  if (wanted !== undefined && wanted !== 0) {
    if (!(await isFree(wanted))) throw new EmbeddedError("port_taken", `port ${wanted} on 127.0.0.1 is taken`);
    return wanted;
  }
  const recorded = await readPort(file);
  if (recorded !== undefined && (await isFree(recorded))) return recorded;
  const port = await freePort();
  await writeFile(file, `${port}\n`);
  return port;
}

export async function readPort(file: string): Promise<number | undefined> {
  const port = Number(await readFile(file, "utf8").catch(() => ""));
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}

export const isFree = (port: number): Promise<boolean> =>
  listenOnce(port).then(
    () => true,
    () => false,
  );

const freePort = (): Promise<number> => listenOnce(0);

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === "object" && address ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}
