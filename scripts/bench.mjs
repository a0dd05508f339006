/** `npm run bench`: gets everything the bench needs, and prints the table of figures. */
import path from "node:path";
import { launch } from "./launch.mjs";
import { getPeers } from "./peers.mjs";
import { root } from "./places.mjs";
import { note } from "./progress.mjs";
import { fail, prepare } from "./toolchain.mjs";

const toolchain = await prepare().catch(fail);
for (const { name, why } of await getPeers(["postfix", "dovecot", "openssl"], toolchain))
  note(`without ${name}: ${why}`);
launch(toolchain, [path.join(root, "bench/main.ts"), ...process.argv.slice(2)]);
