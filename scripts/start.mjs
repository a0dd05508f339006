/** `npm start`: gets everything the fleet needs, and runs the whole of it in one process. */
import path from "node:path";
import { launch } from "./launch.mjs";
import { root } from "./places.mjs";
import { fail, prepare } from "./toolchain.mjs";

// A private Redis is only for those who name none.
const redis = !process.env.MAILFLEET_REDIS_URL && !process.env.MAILFLEET_REDIS_URL_FILE;
const toolchain = await prepare({ redis }).catch(fail);
launch(toolchain, [path.join(root, "apps/cli/src/main.ts"), "up", ...process.argv.slice(2)]);
