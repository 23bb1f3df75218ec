import type { RecordHash } from '../../src/core/ids.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

export function expectVoid({ forged }: World, record: RecordHash, fault: string): void {
  forged.set(record, fault);
}

/** Every machine that read a forged record holds it void. */
export async function expectForgeriesVoid({ machines, space, forged }: World): Promise<void> {
  for (const { name, store } of machines) {
    await store.read(async (tx) => {
      const cursor = await tx.documents.get<{ position: number }>('cursors', space);
      for (const { hash, position } of await tx.logs.read(space, 0, { records: 100_000, bytes: Number.MAX_SAFE_INTEGER })) {
        const fault = forged.get(hash);
        if (fault === undefined || position > (cursor?.position ?? -1)) continue;
        if ((await tx.documents.get(`voids/${space}`, String(position))) === undefined)
          throw new Violation(`${name} takes record ${position} for good: ${fault}`);
      }
    });
  }
}
