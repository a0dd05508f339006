import { connect } from "node:net";
import { createInterface } from "node:readline";

/** The reply codes of one transaction, in the order of the commands; a connection that dies early leaves the list short. */
export async function submit(
  port: number,
  { from, to, content }: { readonly from: string; readonly to: readonly string[]; readonly content: string },
): Promise<readonly number[]> {
  const socket = connect(port, "127.0.0.1");
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const codes: number[] = [];
  const reply = async (): Promise<number | undefined> => {
    for (;;) {
      const line = await lines.next().catch(() => ({ done: true as const, value: "" }));
      if (line.done) return undefined;
      if (line.value[3] === "-") continue;
      codes.push(Number(line.value.slice(0, 3)));
      return codes.at(-1);
    }
  };
  socket.on("error", () => {}); // The list of codes tells.

  await reply();
  const commands = [
    "EHLO client.test",
    `MAIL FROM:<${from}>`,
    ...to.map((recipient) => `RCPT TO:<${recipient}>`),
    "DATA",
  ];
  let last: number | undefined;
  for (const command of commands) {
    socket.write(`${command}\r\n`);
    last = await reply();
  }
  if (last === 354) {
    socket.write(`${content.replaceAll(/^\./gm, "..")}\r\n.\r\n`);
    await reply();
  }
  socket.destroy();
  return codes;
}
