import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"], externalConditions: ["source"] } },
  // The global set-up runs in an environment of Vitest's own, which takes no conditions from above.
  environments: { __vitest__: { resolve: { conditions: ["source"], externalConditions: ["source"] } } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "tests/**/*.test.ts"],
    exclude: ["**/*.soak.test.ts", "**/node_modules/**"],
    globalSetup: ["packages/testkit/src/run-servers.ts"],
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
