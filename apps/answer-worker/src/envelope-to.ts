import { isAscii } from "node:buffer";
import type { ComposedMessage, Envelope } from "@mailfleet/mail";

/** To one recipient, and to nobody else, whatever the message says. */
export function envelopeTo(reversePath: string, recipient: string, message: ComposedMessage): Envelope {
  const isPlain = isAscii(Buffer.from(reversePath + recipient));
  return {
    reversePath,
    recipients: [{ address: recipient }],
    smtpUtf8: message.headerIsUtf8 || !isPlain,
    eightBit: message.eightBit,
  };
}
