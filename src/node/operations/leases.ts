import { z } from 'zod';
import { listLeases, readLease, releaseLease, type Lease } from '../../core/lease.ts';
import { mnemeNameHere, mnemeProjectInSpace } from '../mneme/known-names.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { noInput } from './no-input.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface LeaseLine {
  readonly name: string;
  /** As people on this machine know it, where that is another name: mneme's client calls a project by its folder. */
  readonly known_as?: string;
  readonly holder: string;
  readonly generation: number;
  readonly expires_at: string;
}

export const leasesOperation = defineOperation({
  input: noInput,
  async run(node): Promise<{ readonly leases: readonly LeaseLine[] }> {
    const held = await node.store.read((tx) => listLeases(tx.documents, node.deps.clock.now()));
    const leases = held.map(async ({ name, holder, generation, expires }) => ({
      name,
      ...(await knownAs(node, name)),
      holder,
      generation,
      expires_at: new Date(expires).toISOString(),
    }));
    return { leases: await Promise.all(leases) };
  },
});

/** Takes a lease from its holder, who learns it at the next renewal. */
export const releaseLeaseOperation = defineOperation({
  input: z.strictObject({ name: z.string().min(1).max(1024) }),
  async run(node, { name }): Promise<{ readonly name: string; readonly holder: string }> {
    const inSpace = await Promise.all(openOnes(node).map((open) => mnemeProjectInSpace(open, name)));
    return node.store.write(async (tx) => {
      const now = node.deps.clock.now();
      let held: Lease | null = null;
      for (const each of [name, ...inSpace]) if (each !== null) held ??= await readLease(tx.documents, each, now);
      if (held === null)
        throw new OperationFailure('usage', 'no-lease', `nobody holds a lease ${JSON.stringify(name)}`, 'Run: satchel leases');
      await releaseLease(tx.documents, held.name, now, held.generation);
      return { name, holder: held.holder };
    });
  },
});

/** Those that may know a project by its folder; a node without any knows given names. */
function openOnes(node: SatchelNode): Pick<OpenSpace, 'mneme'>[] {
  const open = [...node.spaces.values()].filter(({ mneme }) => mneme !== null);
  return open.length > 0 ? open : [{ mneme: null }];
}

async function knownAs(node: SatchelNode, name: string): Promise<{ readonly known_as?: string }> {
  for (const open of openOnes(node)) {
    const known = await mnemeNameHere(open, name);
    if (known !== name) return { known_as: known };
  }
  return {};
}
