import { expect, it } from 'vitest';
import { createMemoryBucket } from './memory-bucket.ts';

it('lists late what changed, and reads it at once', async () => {
  const lagging = new Set(['made', 'removed', 'grown']);
  const bucket = createMemoryBucket({ lagging: (name) => lagging.has(name) });
  const blobs = bucket.open();
  lagging.clear();
  await blobs.create('removed', Buffer.of(1));
  await blobs.create('grown', Buffer.of(1));
  await blobs.list('', { limit: 10 });
  for (const name of ['made', 'removed', 'grown']) lagging.add(name);
  await blobs.create('made', Buffer.of(1));
  await blobs.write('grown', Buffer.of(1, 2));
  await blobs.remove(['removed']);

  const old = { name: 'grown', size: 1 };
  expect((await bucket.open().list('', { limit: 10 })).blobs).toEqual([old, { name: 'removed', size: 1 }]);
  expect(await blobs.read('removed')).toBeNull();
  expect(await blobs.size('made')).toBe(1);
  lagging.delete('removed');
  expect((await blobs.list('', { limit: 10 })).blobs).toEqual([old]);
  lagging.clear();
  expect((await blobs.list('', { limit: 10 })).blobs).toEqual([
    { name: 'grown', size: 2 },
    { name: 'made', size: 1 },
  ]);
});
