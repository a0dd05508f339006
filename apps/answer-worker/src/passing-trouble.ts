/** Lock not available, deadlock detected, serialization failure: others were at the same rows, and the message is not to blame. */
const contention: readonly unknown[] = ["55P03", "40P01", "40001"];

/** Whether SQL only asks to come again; it may have had no connection free in time. */
export const isContention = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (contention.includes(error.code) || isConnections(error.code));

/** Class 08 of SQLSTATE. */
const isConnections = (code: unknown): boolean => typeof code === "string" && /^08\w{3}$/.test(code);
