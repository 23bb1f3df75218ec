import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/** Seconds that a stopping node takes at the longest, and then says what held it. */
const patience = Number(/PATIENCE = (\d+)_000/.exec(read('src/cli/stop-signals.ts'))?.[1]);

it.each([
  ['src/node/service/systemd.ts', /TimeoutStopSec=(\d+)/],
  ['src/node/service/launchd.ts', /<key>ExitTimeOut<\/key>\s*<integer>(\d+)/],
  ['deploy/mneme/satchel-mneme.service', /TimeoutStopSec=(\d+)/],
  ['deploy/compose.yaml', /x-hub: &hub[^]*?stop_grace_period: (\d+)s/],
  ['deploy/kubernetes.md', /terminationGracePeriodSeconds: (\d+)/],
])('%s waits for a node to end for longer than that can take', (file, pattern) => {
  expect(patience).toBeGreaterThan(0);
  expect(Number(pattern.exec(read(file))?.[1])).toBeGreaterThan(patience);
});
