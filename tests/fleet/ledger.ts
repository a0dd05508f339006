import { submitBySmtp } from "./submission-client.ts";
import { until } from "./until.ts";

/** A message, as its sender knows it. */
export interface Letter {
  readonly tenantId: string;
  readonly id: string;
  readonly via: "http" | "smtp";
  readonly recipients: readonly string[];
  readonly inDoubt: "retry" | "hold";
}

/** What a sender keeps: the letters that the fleet said yes to. */
export interface Ledger {
  readonly acknowledged: readonly Letter[];
  /** Where the fleet is reached from now on. */
  reach(place: Place): void;
  tenant(id: string, key: string): void;
  /** Submits as a careful sender does: again and again under the same id, until somebody says yes. */
  submit(letter: Letter, withinMs?: number): Promise<void>;
  /** Submits once more what was acknowledged; the status and the message's uid. Over HTTP only. */
  resubmit(letter: Letter): Promise<{ readonly status: number; readonly messageId: string }>;
}

interface Place {
  readonly apiUrl: string;
  readonly smtpPort: number;
}

const replyLimitMs = 15_000;

export function openLedger(): Ledger {
  const acknowledged: Letter[] = [];
  const keys = new Map<string, string>();
  let place: Place | undefined;

  const post = (letter: Letter) =>
    fetch(`${place?.apiUrl}/v1/messages`, {
      method: "POST",
      headers: { authorization: `Bearer ${keys.get(letter.tenantId)}`, "content-type": "application/json" },
      body: JSON.stringify({
        id: letter.id,
        from: "us@sender.test",
        to: letter.recipients,
        subject: `letter ${letter.id}`,
        text: "Hello.",
        inDoubt: letter.inDoubt,
      }),
      signal: AbortSignal.timeout(replyLimitMs),
    });

  async function isAccepted(letter: Letter): Promise<boolean> {
    if (!place) return false;
    if (letter.via === "http") {
      const response = await post(letter).catch(() => undefined);
      await response?.arrayBuffer().catch(() => undefined);
      // A client error would be this test's own mistake, and no number of tries mends it.
      if (response && response.status >= 400 && response.status < 429) throw new Error(`refused: ${response.status}`);
      return response?.ok ?? false;
    }
    const header = [
      "From: us@sender.test",
      `Message-ID: <${letter.id}@sender.test>`,
      "Date: Mon, 02 Nov 2026 10:00:00 +0000",
      `Subject: letter ${letter.id}`,
      `Mailfleet-Id: ${letter.id}`,
      `Mailfleet-In-Doubt: ${letter.inDoubt}`,
    ];
    const code = await submitBySmtp(place.smtpPort, {
      user: letter.tenantId,
      pass: keys.get(letter.tenantId) ?? "",
      reversePath: "us@sender.test",
      recipients: letter.recipients,
      content: `${header.join("\r\n")}\r\n\r\nHello.`,
    });
    if (code !== undefined && code >= 500) throw new Error(`refused: ${code}`);
    return code !== undefined && code < 300;
  }

  return {
    acknowledged,
    reach: (where) => {
      place = where;
    },
    tenant: (id, key) => void keys.set(id, key),
    async submit(letter, withinMs) {
      await until(`${letter.id} is accepted`, () => isAccepted(letter), withinMs);
      acknowledged.push(letter);
    },
    async resubmit(letter) {
      const response = await post(letter);
      const body = (await response.json()) as { messageId?: string };
      return { status: response.status, messageId: body.messageId ?? "" };
    },
  };
}

/** `n` letters of one tenant: of four one comes by SMTP, and half shall be held where they are in doubt. */
export const letters = (tenantId: string, n: number, name = "letter"): Letter[] =>
  Array.from({ length: n }, (_, at) => ({
    tenantId,
    id: `${name}-${at}`,
    via: at % 4 === 3 ? "smtp" : "http",
    recipients: [`${name}-${at}@recipient.test`],
    inDoubt: at % 2 === 0 ? "retry" : "hold",
  }));
