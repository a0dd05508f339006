import type { Terminal } from "../terminal.ts";

/** How far something has come that a command waits for. */
export interface ProgressBar {
  update(done: number, total: number, note?: string): void;
  /** Leaves the line as it is and goes to the next. */
  end(): void;
}

const width = 24;

/** Drawn over itself on a terminal; elsewhere nothing is shown, so that logs stay readable. */
export function createProgressBar({ stderr }: Terminal, label: string): ProgressBar {
  let drawn = false;
  return {
    update(done, total, note = "") {
      if (!stderr.isTTY) return;
      const full = total === 0 ? width : Math.round((done / total) * width);
      stderr.write(`\r\x1b[K${label} ${"█".repeat(full)}${"░".repeat(width - full)} ${done}/${total} ${note}`);
      drawn = true;
    },
    end: () => void (drawn && stderr.write("\n")),
  };
}
