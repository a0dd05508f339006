/**
 * Loaded into a process before its own program (`--import`): tells its parent what memory it holds, garbage collected,
 * whenever it is asked. It keeps nothing alive, and costs nothing while nobody asks. Needs `--expose-gc`.
 */

/** What the process says of itself, in bytes. */
export interface ToldMemory {
  /** What the operating system counts. */
  readonly residentBytes: number;
  /** Objects of JavaScript. */
  readonly heapBytes: number;
  /** Buffers and the like, which lie outside of that heap. */
  readonly externalBytes: number;
}

process.on("message", (message) => {
  if (message !== "memory") return;
  // What finalizers let go of in the first round is collected in the second.
  globalThis.gc?.();
  setImmediate(() => {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    const told: ToldMemory = { residentBytes: rss, heapBytes: heapUsed, externalBytes: external };
    process.send?.(told);
  });
});
process.channel?.unref();
