import { expect, it } from 'vitest';
import { createMemoryBucket } from '../../src/blobs/memory/memory-bucket.ts';
import { raceOnBucket } from './bucket-race.ts';
import { extent } from '../setup/extent.ts';

it('loses and forks nothing while 16 writers race on one bucket for many rounds, and a tenth of the calls fails', async () => {
  const bucket = createMemoryBucket({ lagging: () => true });
  const { lost, unclear } = await raceOnBucket({ open: () => bucket.open(), writers: 16, rounds: extent(20, 50), loss: 0.1 });
  expect(lost).toBeGreaterThan(extent(20, 50));
  expect(unclear).toBeGreaterThan(extent(20, 50));
});
