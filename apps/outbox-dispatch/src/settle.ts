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
    return notificationOf(transmission, record, {
      account: account.id,
      original: content && "bytes" in content ? content.bytes : new Uint8Array(),
      reportingMta: ehloName,
      host: account.settings.host,
      nowMs: outbox.databaseNowMs(),
    });
  });
}
