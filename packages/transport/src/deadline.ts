/**
 * One moment by which something must have happened, moved several times per message.
 *
 * A timer is set only where none fires early enough already, and looks again when it fires: moving the moment costs
 * reading the monotonic clock, not a timer.
 */
export interface Deadline {
  /** Calls `expired` unless the deadline is moved or cleared within `ms`. */
  set(ms: number): void;
  clear(): void;
}

export function deadline(expired: () => void): Deadline {
  let at = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let firesAt = Number.POSITIVE_INFINITY;

  const arm = (ms: number) => {
    firesAt = performance.now() + ms;
    timer = setTimeout(fire, ms);
    // The socket keeps the process alive as long as someone waits for it.
    timer.unref();
  };

  const fire = () => {
    timer = undefined;
    firesAt = Number.POSITIVE_INFINITY;
    if (at === Number.POSITIVE_INFINITY) return;
    const left = at - performance.now();
    if (left > 0) return arm(Math.ceil(left));
    at = Number.POSITIVE_INFINITY;
    expired();
  };

  return {
    set(ms) {
      at = performance.now() + ms;
      if (at < firesAt) {
        clearTimeout(timer);
        arm(ms);
      }
    },
    clear() {
      at = Number.POSITIVE_INFINITY;
    },
  };
}
