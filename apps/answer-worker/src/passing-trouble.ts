/** Lock not available, deadlock detected, serialization failure: others were at the same rows, and the message is not to blame. */
const contention: readonly unknown[] = ["55P03", "40P01", "40001"];

/** Whether SQL only asks to come again. */
export const isContention = (error: unknown): boolean =>
  error instanceof Error && "code" in error && contention.includes(error.code);
