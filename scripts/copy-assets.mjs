/** The part of a package's build that is no compiling: what its `src/` holds beside TypeScript goes to `dist/` as it is. */
import { cp } from "node:fs/promises";

await cp("src", "dist", {
  recursive: true,
  filter: (from) => !from.endsWith(".ts") && !from.split("/").includes("testdata"),
});
