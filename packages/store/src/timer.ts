/** Calls back once, after `ms`; calling what it returns takes that back. A simulation brings its own time. */
export type SetTimer = (ms: number, fire: () => void) => () => void;

/** The event loop's timer. It keeps no process alive. */
export const setUnrefTimer: SetTimer = (ms, fire) => {
  const timer = setTimeout(fire, ms).unref();
  return () => clearTimeout(timer);
};

/** The event loop's timer, for what a process must not end before. */
export const setRefTimer: SetTimer = (ms, fire) => {
  const timer = setTimeout(fire, ms);
  return () => clearTimeout(timer);
};
