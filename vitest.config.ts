import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { PATIENCE } from './tests/setup/patience.ts';
import { testsIn } from './tests/setup/test-files.ts';

const LONG = 'tests/**/*.long.test.ts';
/** Of the services in tests/services. */
const INSTALLED = '**/node_modules/**';

/** Files that put something in the place of a module: it must not have been loaded by another file before. */
const MOCKING = ['src', 'tests']
  .flatMap(testsIn)
  .filter((path) => /\bvi\.(?:mock|doMock)\(/.test(readFileSync(join(import.meta.dirname, path), 'utf8')));

/**
 * Tests that leave nothing behind in their process share its modules: to load the program anew for each of their files
 * took as much time as many of them.
 */
const SHARING = [
  'src/**/*.test.ts',
  'tests/{bench,claude-code,contracts,formats,gateways,hostile,metrics,node,replica,sources}/**/*.test.ts',
];

/**
 * Each in a process of its own: the more memory a process holds, the longer it takes to start another one, and these start
 * hundreds of gits.
 */
const STARTING = ['tests/{contracts,hostile}/*git*.test.ts'];

/** They share theirs too, apart from the others: what finds transactions inside one another there would slow each promise here. */
const SIMULATION = ['tests/simulation/**/*.test.ts'];

const ALL = ['src/**/*.test.ts', 'tests/**/*.test.ts', 'scripts/**/*.test.mjs'];
const sharing = { name: 'sharing', include: SHARING, exclude: [LONG, INSTALLED, ...MOCKING, ...STARTING], isolate: false };

/** V8 of Node 20. A later one counts calls instead, and Node does not start with a flag that it does not know. */
const RARELY_OPTIMIZED = Number.parseInt(process.versions.v8, 10) < 12 ? ['--interrupt-budget=500000'] : [];

/** For processes that end within a minute: V8 optimizes only what runs often, and collects garbage less often. */
const SHORT_LIVED = [...RARELY_OPTIMIZED, '--min-semi-space-size=16', '--max-semi-space-size=32'];

export default defineConfig({
  test: {
    // Far above what any takes: a slow machine is no failure.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: PATIENCE },
    setupFiles: ['tests/setup/property-seed.ts', 'tests/setup/temporary-folder.ts'],
    globalSetup: ['tests/setup/memory-folder.ts'],
    provide: { extent: 'short' },
    // Tests wait for services and for what happens in its own time: one more than there are cores, where two cores would have one.
    maxWorkers: availableParallelism() + 1,
    execArgv: SHORT_LIVED,
    projects: [
      { extends: true, test: sharing },
      { extends: true, test: { name: 'laws', include: SIMULATION, exclude: [LONG, INSTALLED], isolate: false } },
      { extends: true, test: { name: 'mocking', include: MOCKING, exclude: [LONG, INSTALLED] } },
      { extends: true, test: { name: 'starting', include: STARTING, exclude: [LONG, INSTALLED] } },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ALL,
          exclude: [LONG, INSTALLED, ...SHARING, ...SIMULATION, ...MOCKING],
          globalSetup: ['tests/e2e/program.ts'],
        },
      },
    ],
  },
});
