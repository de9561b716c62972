import { defineConfig } from "vitest/config";

// The page in a real browser, against a running platform: `make test-web` starts both.
export default defineConfig({
  test: { include: ["e2e/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 60_000, fileParallelism: false, retry: 0 },
});
