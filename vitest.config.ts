import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts', 'scripts/**/*.test.mjs'],
    exclude: ['tests/**/*.long.test.ts'],
    globalSetup: ['tests/e2e/program.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
