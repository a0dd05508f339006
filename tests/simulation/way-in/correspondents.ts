import { epochMs } from "../simulated-database.ts";
import { type Letter, writeLetter } from "./letter.ts";
import { fieldOf, inbox, type Stored } from "./mail-server.ts";
import type { Mailbox, World } from "./world.ts";

/** Those who write to mailboxes, and those who use them beside the fleet, by their servers. Each draws whom it befalls. */
export interface Correspondents {
  write(): void;
  /** Moves a message out of the folder, and perhaps back after a while. */
  move(): void;
  see(): void;
  /** A person answers: a reply in Sent, and the flag. */
  answer(): void;
  renumber(): void;
}

const authors = ["Ann <ann@peer.test>", "Bob <bob@peer.test>"];

export function openCorrespondents(world: World): Correspondents {
  const { random, timeline, ledger, outside, plan } = world;
  let written = 0;
  let shownLate = plan.deeds.shownLate;

  const nowDate = () => new Date(epochMs + timeline.nowMs);

  function arrive(mailbox: Mailbox, letter: Letter) {
    const isLate = shownLate > 0 && random.chance(0.5);
    if (isLate) shownLate--;
    const hiddenMs = isLate ? random.between(1_000, 15_000) : 0;
    const { uid } = mailbox.server.add(inbox, {
      bytes: letter.bytes,
      flags: new Set(),
      arrivedAt: nowDate(),
      shownFromMs: timeline.nowMs + hiddenMs,
    });
    if (isLate) {
      const run = () => {
        for (const connection of mailbox.server.connections) connection.onNews();
      };
      timeline.add({ actor: outside, label: "", delayMs: hiddenMs, run });
    }
    timeline.note(`${letter.key} arrives at ${mailbox.address} as ${uid}${isLate ? ", shown late" : ""}`);
  }

  /** A message of some mailbox's folder, with the letter that it is. */
  function draw(): { mailbox: Mailbox; stored: Stored; key: string } | undefined {
    const all = world.mailboxes.flatMap((mailbox) =>
      mailbox.server
        .folder(inbox)
        .messages.map((stored) => ({ mailbox, stored, key: fieldOf(stored, "subject") ?? "" })),
    );
    return all.length > 0 ? random.pick(all) : undefined;
  }

  return {
    write() {
      const mailbox = random.pick(world.mailboxes);
      const key = `m${++written}`;
      const facts = {
        key,
        to: mailbox.address,
        from: random.pick(authors),
        hasMessageId: random.chance(0.9),
        isAutomatic: random.chance(0.12),
        ...(random.chance(0.5) && { way: "smtp.peer.test" }),
        writtenAtMs: timeline.nowMs,
      };
      const letter = writeLetter(facts);
      const entry = { mailbox, letter, guises: 1 };
      ledger.written.set(`${mailbox.address} ${key}`, entry);
      arrive(mailbox, letter);
      if (random.chance(0.8)) return;
      // It comes once more: byte for byte, or by another way.
      const isOtherWay = random.chance(0.5);
      const again = isOtherWay ? writeLetter({ ...facts, way: "list.peer.test" }) : letter;
      const comesAgain = () => {
        if (isOtherWay) entry.guises++;
        arrive(mailbox, again);
      };
      timeline.add({ actor: outside, label: "", delayMs: random.between(0, 8_000), run: comesAgain });
    },
    move() {
      const drawn = draw();
      if (!drawn) return;
      const { mailbox, stored, key } = drawn;
      const there = mailbox.server.move(inbox, stored.uid, "Elsewhere");
      timeline.note(`${key} is moved out of ${mailbox.address}`);
      if (!there || random.chance(0.3)) return;
      const run = () => {
        const back = mailbox.server.move("Elsewhere", there.uid, inbox);
        timeline.note(`${key} is moved back as ${back?.uid}`);
      };
      timeline.add({ actor: outside, label: "", delayMs: random.between(0, 10_000), run });
    },
    see() {
      const drawn = draw();
      drawn?.stored.flags.add("\\Seen");
      if (drawn) timeline.note(`${drawn.key} is seen`);
    },
    answer() {
      const drawn = draw();
      if (!drawn) return;
      const { mailbox, stored, key } = drawn;
      stored.flags.add("\\Answered").add("\\Seen");
      const messageId = fieldOf(stored, "message-id");
      const bytes = Buffer.from(`Message-ID: <person-${key}@acme.test>\r\nIn-Reply-To: ${messageId}\r\n\r\nHello.\r\n`);
      mailbox.server.add("Sent", { bytes, flags: new Set(["\\Seen"]), arrivedAt: nowDate(), shownFromMs: 0 });
      timeline.note(`${key} is answered by a person`);
    },
    renumber() {
      const mailbox = random.pick(world.mailboxes);
      mailbox.server.renumber(inbox, (messages) => messages.toSorted(() => random.next() - 0.5));
      timeline.note(`${mailbox.address} is renumbered`);
    },
  };
}
