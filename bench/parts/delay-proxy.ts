/** A next hop that is far away: a TCP proxy that holds every byte back. No network emulation is needed. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface DelayProxy extends AsyncDisposable {
  readonly port: number;
}

/** Each way takes half of `roundTripMs`, and the opening of a connection takes its own round trip and a half (RFC 9293). */
export async function startDelayProxy(targetPort: number, roundTripMs: number): Promise<DelayProxy> {
  const wayMs = roundTripMs / 2;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    sockets.add(near);
    near.on("close", () => sockets.delete(near)).on("error", () => near.destroy());
    near.setNoDelay(true).pause();
    setTimeout(() => {
      const far = connect(targetPort, "127.0.0.1").setNoDelay(true);
      far.on("error", () => near.destroy());
      delay(near, far, wayMs);
      delay(far, near, wayMs);
      near.resume();
    }, roundTripMs + wayMs);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function delay(from: Socket, to: Socket, ms: number) {
  from.on("data", (chunk) => setTimeout(() => !to.destroyed && to.write(chunk), ms));
  from.on("end", () => setTimeout(() => to.end(), ms));
}
