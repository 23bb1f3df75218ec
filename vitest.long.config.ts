import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { PATIENCE } from './tests/setup/patience.ts';
import { testsIn } from './tests/setup/test-files.ts';
import { runAgain } from './tests/setup/run-again.ts';

/**
 * Of the short run: tests of laws, which look at other cases each time here, where the short run always looks at the same; and what
 * does more here (tests/setup/extent.ts).
 */
const ALSO_SHORT = ['src', 'tests']
  .flatMap(testsIn)
  .filter((path) => !path.endsWith('.long.test.ts'))
  .filter((path) => /from '(?:fast-check|.*\/setup\/extent\.ts)'/.test(readFileSync(join(import.meta.dirname, path), 'utf8')));

/** Held over a store that runs every transaction twice: what one does besides writing must not count twice. */
const AGAIN = 'tests/{replica,gateways}/**/*.test.ts';

export default defineConfig({
  test: {
    provide: { extent: 'long' },
    testTimeout: 60 * 60_000,
    hookTimeout: 60 * 60_000,
    expect: { poll: PATIENCE },
    projects: [
      { extends: true, test: { name: 'long', include: ['tests/**/*.long.test.ts', ...ALSO_SHORT], globalSetup: ['tests/e2e/program.ts'] } },
      {
        extends: true,
        plugins: [runAgain()],
        test: { name: 'again', include: [AGAIN], exclude: ['**/*.long.test.ts', '**/node_modules/**'] },
      },
    ],
  },
});
