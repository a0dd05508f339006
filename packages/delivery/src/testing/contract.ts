import type { SmtpReply } from "@mailfleet/mail";
import { describe, expect, test } from "vitest";
import { type DeliveryTarget, type MailTransaction, type Sender, transactionLimits } from "../delivery-target.ts";

/** A target to try, and a look at what lasts behind it. */
export interface Rig extends AsyncDisposable {
  readonly target: DeliveryTarget;
  /** A sender from whom this target takes mail. */
  readonly sender: Sender;
  /** What has been kept, in any order. */
  kept(): Promise<readonly { readonly reversePath: string; readonly recipients: readonly string[] }[]>;
}

export const letter = (text = "Hello"): Buffer =>
  Buffer.from(`From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: Greetings\r\n\r\n${text}\r\n`);

/** What every DeliveryTarget promises. Each implementation runs it, the one in memory too. */
export function deliveryTargetContract(name: string, open: () => Promise<Rig>): void {
  describe(`${name} keeps the delivery target contract`, () => {
    async function begin({ target, sender }: Rig, ...recipients: string[]): Promise<MailTransaction> {
      const started = await target.start(sender);
      if (started.kind !== "started") throw new Error(`refused: ${started.reply.text}`);
      for (const address of recipients) expect(await started.transaction.addRecipient({ address })).toBeUndefined();
      return started.transaction;
    }

    test("what is committed is kept, for every recipient", async () => {
      await using rig = await open();
      const transaction = await begin(rig, "bob@example.net", "cy@example.com");
      expect(await transaction.body(letter())).toBeUndefined();
      const { reply, perRecipient } = await transaction.commit();
      expect(reply.code).toBe(250);
      if (perRecipient) expect(perRecipient.map(({ code }: SmtpReply) => code)).toEqual([250, 250]);
      expect(await rig.kept()).toEqual([
        { reversePath: rig.sender.reversePath, recipients: ["bob@example.net", "cy@example.com"] },
      ]);
    });

    test("nothing lasts before the commit", async () => {
      await using rig = await open();
      const transaction = await begin(rig, "bob@example.net");
      await transaction.body(letter());
      expect(await rig.kept()).toEqual([]);
      await transaction.abort();
    });

    test("an abort leaves nothing, wherever it falls, and may be repeated", async () => {
      await using rig = await open();
      await (await begin(rig)).abort();
      await (await begin(rig, "bob@example.net")).abort();
      const transaction = await begin(rig, "bob@example.net");
      await transaction.body(letter());
      await transaction.abort();
      await transaction.abort();
      expect(await rig.kept()).toEqual([]);
      await expect(transaction.commit()).rejects.toThrow();
      expect(await rig.kept()).toEqual([]);
    });

    test("an abort after the commit changes nothing", async () => {
      await using rig = await open();
      const transaction = await begin(rig, "bob@example.net");
      await transaction.body(letter());
      await transaction.commit();
      await transaction.abort();
      expect(await rig.kept()).toHaveLength(1);
    });

    test("a repeated recipient is one recipient, whatever its case", async () => {
      await using rig = await open();
      const transaction = await begin(rig, "bob@example.net", "bob@example.net", "BOB@example.net");
      await transaction.body(letter());
      const { perRecipient } = await transaction.commit();
      if (perRecipient) expect(perRecipient).toHaveLength(1);
      expect((await rig.kept()).map(({ recipients }) => recipients)).toEqual([["bob@example.net"]]);
    });

    test("one recipient too many is refused for now, and the others stay", async () => {
      await using rig = await open();
      const all = Array.from({ length: transactionLimits.recipients }, (_, n) => `r${n}@example.net`);
      const transaction = await begin(rig, ...all);
      expect(await transaction.addRecipient({ address: "one-more@example.net" })).toMatchObject({
        code: 452,
        status: "4.5.3",
      });
      expect(await transaction.addRecipient({ address: "r7@example.net" })).toBeUndefined();
      await transaction.body(letter());
      expect((await transaction.commit()).reply.code).toBe(250);
      expect((await rig.kept())[0]?.recipients).toHaveLength(transactionLimits.recipients);
    });

    test("two transactions at once do not mix", async () => {
      await using rig = await open();
      const one = await begin(rig, "bob@example.net");
      const other = await begin(rig, "cy@example.com");
      await Promise.all([one.body(letter("one")), other.body(letter("other"))]);
      await Promise.all([one.commit(), other.commit()]);
      const recipients = (await rig.kept()).map((message) => message.recipients);
      expect(recipients.sort()).toEqual([["bob@example.net"], ["cy@example.com"]]);
    });

    test("steps out of order are the caller's own error", async () => {
      await using rig = await open();
      await expect((await begin(rig)).body(letter())).rejects.toThrow();
      await expect((await begin(rig, "bob@example.net")).commit()).rejects.toThrow();
      const transaction = await begin(rig, "bob@example.net");
      await transaction.body(letter());
      await expect(transaction.body(letter())).rejects.toThrow();
      await expect(transaction.addRecipient({ address: "late@example.net" })).rejects.toThrow();
      await transaction.commit();
      await expect(transaction.commit()).rejects.toThrow();
      expect(await rig.kept()).toHaveLength(1);
    });
  });
}
