/** Starts both servers in the folder named first, says how, and waits to be killed. */
import { startEmbeddedPostgres, startPrivateRedis } from "../index.ts";

const [dataDir = "", ...words] = process.argv.slice(2);
const options = { dataDir, stopWithParent: words.includes("stopWithParent") };
const postgres = await startEmbeddedPostgres(options);
const redis = await startPrivateRedis(options);
process.send?.({ postgres: postgres.url, redis: redis.url });
setInterval(() => {}, 60_000);
