import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// `source` runs the workspace's packages as they are written, with no build.
const resolve = { conditions: ["mailfleet-source"], externalConditions: ["mailfleet-source"] };

export default defineConfig(({ mode }) => ({
  resolve: { conditions: resolve.conditions },
  ssr: { resolve },
  // The global set-up runs in an environment of Vitest's own, which takes no conditions from above.
  environments: { __vitest__: { resolve } },
  test: {
    include:
      mode === "soak"
        ? ["{packages,apps}/*/src/**/*.soak.test.ts", "tests/**/*.soak.test.ts"]
        : ["{packages,apps}/*/src/**/*.test.ts", "tests/**/*.test.ts"],
    exclude: mode === "soak" ? ["**/node_modules/**"] : ["**/*.soak.test.ts", "**/node_modules/**"],
    globalSetup: ["packages/testkit/src/run-servers.ts"],
    pool: "forks",
    // Most of the time a file waits, for a lease to lapse or a process to start; with one worker, which is what two cores
    // get by default, all of them wait one after another.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: mode === "soak" ? 1_800_000 : 30_000,
    hookTimeout: 60_000,
    // With no long test yet written, a soak is short, and not wrong.
    passWithNoTests: mode === "soak",
  },
}));
