import { defineConfig } from 'vitest/config';

/** No proof of speed: it ends what hangs, on a machine that is starved as on one that is not. */
const HANGS_MS = 900_000;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/database-server.ts'],
    setupFiles: ['test/same-every-run.ts'],
    testTimeout: HANGS_MS,
    hookTimeout: HANGS_MS,
    expect: { poll: { timeout: HANGS_MS } },
    maxWorkers: 2,
  },
});
