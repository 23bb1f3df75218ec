import { expect, inject, it } from 'vitest';
import { killHubs } from './hubs.ts';

it('loses nothing in five minutes in which hubs are killed, the database crashes and the object store fails, with 50 machines', async () => {
  const run = await killHubs({ program: inject('program'), machines: 50, spaces: 5, seconds: 300, seed: `hubs/${process.pid}` });
  console.log(
    `${run.kills} hubs killed: ${run.acknowledged} acknowledged bodies, all found on every machine; ${run.records} records in the longest log; the object store: ${Array.from(run.faults, (each) => each.join(' ')).join(', ')}`,
  );
  expect(run.acknowledged).toBeGreaterThan(500);
  expect(run.kills).toBeGreaterThan(10);
  for (const fault of ['500', 'drop', 'slow'] as const) expect(run.faults.get(fault)).toBeGreaterThan(5);
}, 3_600_000);
