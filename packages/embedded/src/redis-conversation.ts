import { connect } from "node:net";

const answerLimitMs = 2_000;

/**
 * Asks a Redis on loopback one thing, in its inline protocol, and resolves with the first line of its answer, such
 * as "+PONG"; undefined where nobody answers in time, or the password is not its own.
 */
export function askRedis(port: number, password: string, command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect({ host: "127.0.0.1", port });
    const finish = (answer?: string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setEncoding("utf8");
    socket.setTimeout(answerLimitMs, finish);
    socket.once("error", () => finish());
    socket.once("close", () => finish());
    socket.once("connect", () => socket.write(`AUTH ${password}\r\n${command}\r\n`));
    socket.on("data", (chunk) => {
      heard += chunk;
      const [authenticated, answer, ...rest] = heard.split("\r\n");
      if (authenticated !== "+OK" && heard.includes("\r\n")) finish();
      else if (rest.length > 0) finish(answer);
    });
  });
}
