import { z } from 'zod';
import { listLeases, readLease, releaseLease } from '../../core/lease.ts';
import { noInput } from './no-input.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface LeaseLine {
  readonly name: string;
  readonly holder: string;
  readonly generation: number;
  readonly expires_at: string;
}

export const leasesOperation = defineOperation({
  input: noInput,
  async run(node): Promise<{ readonly leases: readonly LeaseLine[] }> {
    const held = await node.store.read((tx) => listLeases(tx.documents, node.deps.clock.now()));
    return {
      leases: held.map(({ name, holder, generation, expires }) => ({
        name,
        holder,
        generation,
        expires_at: new Date(expires).toISOString(),
      })),
    };
  },
});

/** Takes a lease from its holder, who learns it at the next renewal. */
export const releaseLeaseOperation = defineOperation({
  input: z.strictObject({ name: z.string().min(1).max(1024) }),
  async run(node, { name }): Promise<{ readonly name: string; readonly holder: string }> {
    return node.store.write(async (tx) => {
      const now = node.deps.clock.now();
      const held = await readLease(tx.documents, name, now);
      if (held === null)
        throw new OperationFailure('usage', 'no-lease', `nobody holds a lease ${JSON.stringify(name)}`, 'Run: satchel leases');
      await releaseLease(tx.documents, name, now, held.generation);
      return { name, holder: held.holder };
    });
  },
});
