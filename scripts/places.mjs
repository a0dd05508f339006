/** Folders of a checkout that the set-up knows. */
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(fileURLToPath(import.meta.url), "../..");
/** What the set-up fetched for this checkout alone; removing it costs one more set-up. */
export const tools = path.join(root, ".tools");
/** Programs of ours, ahead of everything else on the PATH. */
export const toolsBin = path.join(tools, "bin");
