import type { RecordHash } from '../../src/core/ids.ts';
import { BACKFILLS, type Backfill } from '../../src/core/replica/space-notes.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

export function expectVoid({ forged }: World, record: RecordHash, fault: string): void {
  forged.set(record, fault);
}

/**
 * Every machine that read a forged record holds it void. Of a machine that began with a checkpoint and fetches the history before it still, that
 * goes for control records alone: the others, the one that the checkpoint was made at among them, it has not judged yet.
 */
export async function expectForgeriesVoid({ machines, space, forged }: World): Promise<void> {
  for (const { name, store } of machines) {
    await store.read(async (tx) => {
      const cursor = await tx.documents.get<{ position: number }>('cursors', space);
      const waiting = await tx.documents.get<Backfill>(BACKFILLS, space);
      const controls = new Set((await tx.logs.controls(space, 0)).map((control) => control.position));
      const isUnjudged = (position: number): boolean => position <= (waiting?.until.position ?? -1) && !controls.has(position);
      for (const { hash, position } of await tx.logs.read(space, 0, { records: 100_000, bytes: Number.MAX_SAFE_INTEGER })) {
        const fault = forged.get(hash);
        if (fault === undefined || position > (cursor?.position ?? -1) || isUnjudged(position)) continue;
        if ((await tx.documents.get(`voids/${space}`, String(position))) === undefined)
          throw new Violation(`${name} takes record ${position} for good: ${fault}`);
      }
    });
  }
}
