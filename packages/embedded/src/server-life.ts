/** What a server of ours can be asked for while it is ours. One thing at a time is done to it. */
export interface ServerLife extends AsyncDisposable {
  /** Starts it again where it died; resolves with whether it had. Once it was told to stop, nothing is started. Throws EmbeddedError. */
  revive(): Promise<boolean>;
  /** Stops it and lets go of its folder. May be called again. */
  stop(): Promise<void>;
}

/** `restart` starts the server where it is dead, and says whether it was; `end` stops it, dead or not. */
export function serverLife(restart: () => Promise<boolean>, end: () => Promise<void>): ServerLife {
  let stopped: Promise<void> | undefined;
  let reviving: Promise<boolean> = Promise.resolve(false);
  const stop = () => {
    stopped ??= reviving.catch(() => {}).then(end);
    return stopped;
  };
  return {
    revive() {
      if (!stopped) reviving = reviving.then(restart, restart);
      return reviving;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
