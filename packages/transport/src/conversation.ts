import type { Socket } from "node:net";
import type { EndingCause } from "@mailfleet/mail";
import { type Deadline, deadline } from "./deadline.ts";
import { replyReader } from "./reply-reader.ts";

/** Whoever speaks on a conversation at the moment. */
export interface Speaker {
  onReply(code: number, text: string): void;
  /** No reply will come any more. Called once. */
  onBroken(cause: EndingCause): void;
}

/** A session's socket, once it is ours: replies come in whole, every wait has a limit, and it breaks once. */
export interface Conversation {
  /** Who hears replies; without a speaker, whatever the next hop says ends the conversation. */
  speaker: Speaker | undefined;
  /** When it passes, the speaker hears of a timeout; without a speaker the connection is left with QUIT. */
  readonly deadline: Deadline;
  readonly broken: boolean;
  /** False where the next hop should be waited for with `drained`. */
  say(bytes: string | Uint8Array): boolean;
  /** Several buffers as one write. */
  sayAll(parts: readonly Uint8Array[]): void;
  drained(): Promise<void>;
  /** Breaks the connection at once; the speaker hears `cause`. */
  break(cause: EndingCause): void;
  /** Says QUIT, and leaves after `quitMs` at the latest. */
  quit(): Promise<void>;
}

export function converse(socket: Socket, { quitMs }: { readonly quitMs: number }): Conversation {
  let broken = false;
  let wakeDrained: (() => void) | undefined;

  const breakWith = (cause: EndingCause) => {
    if (broken) return;
    broken = true;
    conversation.deadline.clear();
    socket.destroy();
    wakeDrained?.();
    const { speaker } = conversation;
    conversation.speaker = undefined;
    speaker?.onBroken(cause);
  };

  const reader = replyReader({
    isListening: () => !broken,
    onReply(code, text) {
      if (conversation.speaker) conversation.speaker.onReply(code, text);
      // Most likely 421: the next hop takes its leave of an idle connection.
      else breakWith({ kind: "closed", detail: text });
    },
    onGarbled: (detail) => breakWith({ kind: "garbled", detail }),
  });

  const conversation: Conversation = {
    speaker: undefined,
    deadline: deadline(() => {
      if (conversation.speaker) breakWith({ kind: "timeout" });
      else void conversation.quit();
    }),
    get broken() {
      return broken;
    },
    say: (bytes) => socket.write(bytes),
    sayAll(parts) {
      socket.cork();
      for (const part of parts) socket.write(part);
      socket.uncork();
    },
    drained() {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (broken || !socket.writableNeedDrain) resolve();
      wakeDrained = resolve;
      socket.once("drain", resolve);
      return promise;
    },
    break: breakWith,
    async quit() {
      if (broken) return;
      broken = true;
      conversation.deadline.clear();
      conversation.speaker = undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, quitMs);
      socket.once("close", resolve);
      socket.end("QUIT\r\n");
      await promise;
      clearTimeout(timer);
      socket.destroy();
    },
  };

  socket.on("data", (chunk: Buffer) => reader.read(chunk));
  socket.on("error", (error) => breakWith({ kind: "closed", detail: error.message }));
  socket.on("end", () => breakWith({ kind: "closed" }));
  socket.on("close", () => breakWith({ kind: "closed" }));
  return conversation;
}
