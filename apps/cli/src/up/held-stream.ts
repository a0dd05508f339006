import { Writable } from "node:stream";

/** Keeps what is written until `release`, then passes it on: log lines must not tear a drawing apart. */
export interface HeldStream extends Writable {
  release(): void;
}

/** More than this is not kept: the log's first lines tell what went wrong. */
const maxHeldBytes = 1024 * 1024;

export function holdStream(target: Writable): HeldStream {
  let held: Buffer[] | undefined = [];
  let heldBytes = 0;
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      if (!held) target.write(chunk);
      else if (heldBytes < maxHeldBytes) {
        held.push(chunk);
        heldBytes += chunk.length;
      }
      done();
    },
  });
  return Object.assign(stream, {
    release() {
      for (const chunk of held ?? []) target.write(chunk);
      held = undefined;
    },
  });
}
