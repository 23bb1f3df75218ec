import { expect } from 'vitest';
import type { SealedObject } from '../../src/core/crypto/object-cipher.ts';
import type { ObjectStore } from '../../src/core/ports/objects.ts';
import { expectWhole, idsOf, listOf, randomObjects, SPACE } from './objects.ts';

/**
 * Writers put, delete and compact in one space, all at once; then the place is calm, and every writer and a newcomer must find
 * exactly what was put and not deleted.
 */
export async function raceOnObjects(race: {
  readonly writers: readonly ObjectStore[];
  readonly rounds: number;
  readonly calm: () => void;
  readonly newcomer: () => Promise<ObjectStore>;
}): Promise<void> {
  const kept = await Promise.all(
    race.writers.map(async (each, which) => {
      const mine: SealedObject[] = [];
      for (let round = 0; round < race.rounds; round++) {
        const batch = [...randomObjects(2, 300), ...randomObjects(1, 4_000)];
        await each.put(SPACE, batch);
        await each.delete(SPACE, idsOf(batch.slice(0, 1)));
        mine.push(...batch.slice(1));
        if ((which + round) % race.writers.length === 3) await each.compact(SPACE, { thorough: true });
      }
      return mine;
    }),
  );
  race.calm();
  for (const each of [...race.writers, await race.newcomer()]) {
    await expectWhole(each, SPACE, kept.flat());
    expect((await listOf(each, SPACE)).size).toBe(kept.flat().length);
  }
}
