import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { capture, run } from './run.mjs';
import { tally } from './tally.mjs';

const STEPS = [
  // One checker: several check much of the same, as do several threads of the linter.
  { name: 'types', bin: 'typescript/bin/tsc', args: ['-p', '.', '--singleThreaded'] },
  { name: 'lint', bin: 'oxlint/bin/oxlint', args: ['--deny-warnings', '--threads=1'] },
  { name: 'format', bin: 'oxfmt/bin/oxfmt', args: ['--check', 'src', 'tests', 'scripts'] },
];

/**
 * The first two are programs in Go. Half of their work was to collect garbage, and to hand work from thread to thread: 19 seconds of CPU,
 * and so 9. They end within seconds, at one to two gigabytes; where they come near what is said here they collect after all.
 */
const GO = { GOGC: 'off', GOMEMLIMIT: '3GiB', GOMAXPROCS: '1' };

/**
 * Types, lint, format and tests: all of them, also after one failed. The last line says how many tests passed and how
 * many things failed. Resolves to the exit code.
 */
export async function check(root, vitestArgs = []) {
  const failedSteps = [];
  const outcomes = await Promise.all(
    STEPS.map(async ({ name, bin, args }) => ({
      name,
      ...(await capture(process.execPath, [path.join(root, 'node_modules', bin), ...args], { ...process.env, ...GO })),
    })),
  );
  for (const { name, code, output } of outcomes) {
    process.stdout.write(code === 0 ? `${name}: ok\n` : `${output.trimEnd()}\n${name}: FAILED\n`);
    if (code !== 0) failedSteps.push(name);
  }
  const tests = await runTests(root, vitestArgs);
  const { passed, failed, notes } = tally(tests.report, tests.code);
  if (failedSteps.length > 0) notes.push(`failed before the tests: ${failedSteps.join(', ')}`);
  for (const note of notes) process.stdout.write(`${note}\n`);
  process.stdout.write(`${passed} passed, ${failed + failedSteps.length} failed\n`);
  return failed + failedSteps.length === 0 ? 0 : 1;
}

async function runTests(root, vitestArgs) {
  const folder = await mkdtemp(path.join(tmpdir(), 'satchel-tests-'));
  try {
    const file = path.join(folder, 'report.json');
    const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const args = [vitest, 'run', '--root', root, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...vitestArgs];
    const code = await run(process.execPath, args);
    const text = await readFile(file, 'utf8').catch(() => null);
    return { code, report: text === null ? null : JSON.parse(text) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
