import { connect } from "node:net";
import type { DovecotPorts } from "./dovecot-settings.ts";

/** True once IMAP and LMTP greet, which they do when those who check passwords are ready; false at the limit. */
export async function greets({ imap, lmtp }: DovecotPorts, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const [imapSays, lmtpSays] = await Promise.all([greeting(imap), greeting(lmtp)]);
    if (imapSays.startsWith("* OK") && lmtpSays.startsWith("220")) return true;
    if (performance.now() > deadline) return false;
    await pause();
  }
}

const greetingLimitMs = 2_000;

/** The first bytes that a port says; "" where it says nothing. */
function greeting(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", timeout: greetingLimitMs });
    const end = (said: string) => {
      socket.destroy();
      resolve(said);
    };
    socket.once("data", (data) => end(data.toString("latin1")));
    socket
      .once("timeout", () => end(""))
      .once("error", () => end(""))
      .once("close", () => end(""));
  });
}

const pollMs = 20;
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, pollMs));
