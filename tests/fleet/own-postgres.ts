import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "@mailfleet/embedded";
import { migrate } from "@mailfleet/store";

/** A PostgreSQL server of one test's own, which may be restarted under everybody's feet. */
export interface OwnPostgres extends AsyncDisposable {
  readonly url: string;
  stop(): Promise<void>;
  /** Starts it where it was. */
  start(): Promise<void>;
}

const settings = { fsync: "off", shared_buffers: "64MB" };

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "mailfleet-test-restarted-"));
  await chmod(dataDir, 0o711); // As root, PostgreSQL runs as another user, who must get in.
  let running: EmbeddedPostgres | undefined;
  const start = async () => {
    running ??= await startEmbeddedPostgres({ dataDir, settings, stopWithParent: true });
    return running;
  };
  const stop = async () => {
    await running?.stop();
    running = undefined;
  };
  const { url } = await start();
  await migrate(url);
  return {
    url,
    stop,
    start: async () => void (await start()),
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
