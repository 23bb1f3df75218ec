import { defineConfig } from 'vitest/config';

/**
 * Tests that leave nothing behind in their process share its modules: to load the program anew for each of their files
 * took as much time as many of them.
 */
const SHARING = ['src/**/*.test.ts', 'tests/{replica,sources,hostile,formats,gateways,node}/**/*.test.ts'];
const LONG = 'tests/**/*.long.test.ts';

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'sharing', include: SHARING, exclude: [LONG], isolate: false } },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ['tests/**/*.test.ts', 'scripts/**/*.test.mjs'],
          exclude: [LONG, ...SHARING],
          globalSetup: ['tests/e2e/program.ts'],
        },
      },
    ],
  },
});
