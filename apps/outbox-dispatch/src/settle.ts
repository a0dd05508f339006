import type { DeliveryRecord, SendingAccount, Transmission } from "@mailfleet/store";
import { notificationOf, owesNotification } from "./notification.ts";
import type { Outbox } from "./outbox.ts";

/** Records what happened; with a dead letter that came by SMTP, its DSN is accepted in the same transaction. */
export function settle(
  { outbox, ehloName }: { readonly outbox: Outbox; readonly ehloName: string },
  account: SendingAccount,
  transmission: Transmission,
  record: DeliveryRecord,
): Promise<void> {
  if (!owesNotification(transmission, record)) return outbox.record(record);
  return outbox.record(record, async () => {
    // What lies in the blob store is larger than a DSN may return.
    const content = transmission.blobKey === undefined ? await outbox.content(transmission) : undefined;
    const original = content && "bytes" in content ? content.bytes : new Uint8Array();
    const told = {
      account: account.id,
      reportingMta: ehloName,
      host: account.settings.host,
      nowMs: outbox.databaseNowMs(),
    };
    try {
      return notificationOf(transmission, record, { ...told, original });
    } catch {
      // Better told without the message than not at all, whatever it is in the message that stands in the way.
      return notificationOf(transmission, record, { ...told, original: new Uint8Array() });
    }
  });
}
