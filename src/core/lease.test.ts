import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { createLogStoreDouble } from '../../tests/contracts/memory-store.ts';
import { acquireLease, listLeases, readLastLease, readLease, releaseLease, renewLease, type Lease } from './lease.ts';
import type { Store } from './ports/store.ts';

describe('a lease', () => {
  let store: Store;
  beforeEach(() => {
    store = createLogStoreDouble();
  });
  const acquire = (holder: string, now: number) =>
    store.write((tx) => acquireLease(tx.documents, { name: 'db', holder, lifetime: 100 }, now));

  it('is held by one until it expires', async () => {
    const first = await acquire('a', 0);
    expect(first).toEqual({ ok: true, value: { name: 'db', holder: 'a', generation: 1, acquired: 0, expires: 100 } });
    expect(await acquire('b', 99)).toMatchObject({ ok: false, error: { type: 'held', by: { holder: 'a' } } });
    expect(await acquire('b', 100)).toMatchObject({ ok: true, value: { generation: 2 } });
  });

  it('is lost to a holder who slept through its expiry', async () => {
    const first = await acquire('a', 0);
    await acquire('b', 100);
    if (!first.ok) throw new Error('not acquired');
    expect(await store.write((tx) => renewLease(tx.documents, first.value, 100, 120))).toEqual({ ok: false, error: { type: 'lost' } });
    expect(await store.write((tx) => releaseLease(tx.documents, 'db', 120, first.value.generation))).toBe(false);
    expect(await store.read((tx) => readLease(tx.documents, 'db', 120))).toMatchObject({ holder: 'b' });
  });

  it('that lapsed is told until somebody takes it, and not where it was given up', async () => {
    await acquire('a', 0);
    const last = () => store.read((tx) => readLastLease(tx.documents, 'db'));
    expect(await last()).toMatchObject({ holder: 'a', acquired: 0, expires: 100 });
    await acquire('b', 200);
    expect(await last()).toMatchObject({ holder: 'b' });
    await store.write((tx) => releaseLease(tx.documents, 'db', 260));
    expect(await last()).toBeNull();
  });

  it.each([null, 7, 'x', {}, { holder: 'a' }, { holder: 'a', generation: 'x', acquired: 0, expires: 1e15 }])(
    'that is none (%j) keeps nobody out',
    async (broken) => {
      await store.write((tx) => tx.documents.put('leases', 'db', broken));
      expect(await store.read((tx) => readLease(tx.documents, 'db', 0))).toBeNull();
      expect(await acquire('b', 0)).toMatchObject({ ok: true, value: { holder: 'b', generation: 1 } });
    },
  );

  it('has one holder at a time, and generations that only grow, whatever happens', async () => {
    const step = fc.record({
      what: fc.constantFrom('acquire', 'renew', 'release', 'break'),
      holder: fc.constantFrom('a', 'b', 'c'),
      wait: fc.integer({ min: 0, max: 80 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        store = createLogStoreDouble();
        const mine = new Map<string, Lease>();
        let [now, newest] = [0, 0];
        for (const { what, holder, wait } of steps) {
          now += wait;
          const before = await store.read((tx) => readLease(tx.documents, 'db', now));
          const own = mine.get(holder);
          if (what === 'acquire') {
            const outcome = await acquire(holder, now);
            expect(outcome.ok).toBe(before === null || before.holder === holder);
            if (!outcome.ok) continue;
            expect(outcome.value.generation).toBeGreaterThan(newest);
            newest = outcome.value.generation;
            mine.set(holder, outcome.value);
          } else if (what === 'break') await store.write((tx) => releaseLease(tx.documents, 'db', now));
          else if (own !== undefined) {
            const stillMine = before?.generation === own.generation;
            const worked =
              what === 'renew'
                ? (await store.write((tx) => renewLease(tx.documents, own, 100, now))).ok
                : await store.write((tx) => releaseLease(tx.documents, 'db', now, own.generation));
            expect(worked).toBe(stillMine);
          }
          expect((await store.read((tx) => listLeases(tx.documents, now))).length).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
