import { defineConfig } from "vitest/config";

// The page in a real browser, against a running platform: `make test-web` starts both.
// The time limits end what hangs. They are far from what a test takes on a machine that does something else as well.
export default defineConfig({
  test: { include: ["e2e/**/*.test.ts"], testTimeout: 300_000, hookTimeout: 120_000, fileParallelism: false, retry: 0 },
});
