import { once } from "node:events";
import type { Server } from "node:net";

/** Listens on loopback; resolves with the port, a free one for 0. */
export async function listeningPort(server: Server, port = 0): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}
