import { expect, it } from 'vitest';
import { createSqliteStore } from '../../store/sqlite/sqlite-store.ts';
import type { ObjectId, SpaceId } from '../ids.ts';
import type { LogRecord } from '../log/record.ts';
import { createDroppedObjects } from './dropped-objects.ts';

const SPACE = 'a'.repeat(64) as SpaceId;
const OBJECT = 'b'.repeat(64) as ObjectId;
const naming = (position: number): LogRecord => ({ header: { position, objects: [OBJECT] } }) as unknown as LogRecord;

it('takes in what came back only when that is durable, and writes it down in each run of a transaction', async () => {
  const store = await createSqliteStore({ path: ':memory:' });
  const dropped = createDroppedObjects(SPACE);
  dropped.note({ op: 'prune', objects: [OBJECT] } as unknown as Parameters<typeof dropped.note>[0], 5);
  const lost = store.write(async (tx) => {
    await dropped.noteReturned(tx, naming(7));
    throw new Error('lost');
  });
  await expect(lost).rejects.toThrow('lost');
  expect(dropped.how(OBJECT)).toBe('pruned');
  const takeIn = await store.write((tx) => dropped.noteReturned(tx, naming(7)));
  takeIn();
  expect(dropped.how(OBJECT)).toBeNull();

  const reopened = createDroppedObjects(SPACE);
  await store.read((tx) => reopened.open(tx));
  reopened.note({ op: 'prune', objects: [OBJECT] } as unknown as Parameters<typeof dropped.note>[0], 5);
  expect(reopened.how(OBJECT)).toBeNull();
  await store.close();
});
