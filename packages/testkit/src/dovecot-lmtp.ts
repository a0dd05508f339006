import { connect } from "node:net";

const replyLimitMs = 30_000;

/** What one LMTP dialogue is about. */
export interface LmtpDelivery {
  readonly port: number;
  /** `""` for the null reverse-path. */
  readonly reversePath: string;
  readonly recipient: string;
  /** Any line ends: they go out as CRLF. */
  readonly content: string | Uint8Array;
}

/** Delivers one message to one recipient (RFC 2033); resolves once it is accepted, and rejects with the reply if not. */
export function deliverByLmtp({ port, reversePath, recipient, content }: LmtpDelivery): Promise<void> {
  const steps: readonly (readonly [command: string | Buffer, expected: string])[] = [
    ["", "220"],
    ["LHLO testkit.test\r\n", "250"],
    [`MAIL FROM:<${reversePath}>\r\n`, "250"],
    [`RCPT TO:<${recipient}>\r\n`, "250"],
    ["DATA\r\n", "354"],
    [asData(content), "250"],
  ];
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    let step = 0;
    let heard = "";
    socket.setTimeout(replyLimitMs, () => fail(new Error(`LMTP said nothing for ${replyLimitMs} ms`)));
    socket.once("error", fail);
    socket.once("close", () => fail(new Error("LMTP hung up")));
    socket.on("data", (data) => {
      heard += data.toString("latin1");
      const reply = /^(?:\d{3}-.*\r\n)*(\d{3}) .*\r\n/.exec(heard);
      if (!reply) return;
      heard = "";
      if (reply[1] !== steps[step]?.[1]) return fail(new Error(`LMTP refused ${recipient}: ${reply[0].trim()}`));
      step++;
      const next = steps[step];
      if (next) return void socket.write(next[0]);
      socket.removeAllListeners("close");
      socket.end("QUIT\r\n");
      resolve();
    });
  });
}

/** The content as DATA takes it: CRLF line ends, dots stuffed, and the final dot. */
function asData(content: string | Uint8Array): Buffer {
  const text = Buffer.from(content).toString("latin1").replace(/\r?\n/g, "\r\n").replace(/^\./gm, "..");
  return Buffer.from(`${text}${text.endsWith("\r\n") ? "" : "\r\n"}.\r\n`, "latin1");
}
