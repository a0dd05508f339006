#!/usr/bin/env node
/** `npx mailfleet …` from a checkout: the command line, run from source under the right Node. */
import path from "node:path";
import { launch } from "../scripts/launch.mjs";
import { root } from "../scripts/places.mjs";
import { fail, prepare } from "../scripts/toolchain.mjs";

const args = process.argv.slice(2);
const ownRedis = args[0] === "up" && !process.env.MAILFLEET_REDIS_URL && !process.env.MAILFLEET_REDIS_URL_FILE;
const toolchain = await prepare({ redis: ownRedis }).catch(fail);
launch(toolchain, [path.join(root, "apps/cli/src/main.ts"), ...args]);
