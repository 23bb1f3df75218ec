import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { createSpace } from '../../src/core/replica/create-space.ts';
import type { MachineIdentity, ReplicaDeps } from '../../src/core/replica/deps.ts';
import type { SpaceId } from '../../src/core/ids.ts';
import { EMPTY_HEAD } from '../../src/core/log/record.ts';
import type { Clock } from '../../src/core/ports/clock.ts';
import type { ObjectStore } from '../../src/core/ports/objects.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { Store } from '../../src/core/ports/store.ts';
import { toStored } from '../../src/core/replica/chain.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { createKindRegistry } from '../../src/kinds/registry.ts';

import { createCompressionDouble } from './compression.ts';
import { createKeyWrappingDouble } from './key-wrapping.ts';
import { createSeededRandom } from './seeded-random.ts';

export interface TestMachineOptions {
  readonly name: string;
  readonly seed: string;
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly clock: Clock;
}

/** A machine's dependencies over given stores: the same seed gives the same identity and the same bytes. */
export async function createTestMachine({ name, seed, store, objects, clock }: TestMachineOptions): Promise<ReplicaDeps> {
  const random = createSeededRandom(`${seed}/${name}`);
  const wrapping = createKeyWrappingDouble(random);
  const key = createSigningKey(random.bytes(32));
  const machine: MachineIdentity = { key, ...(await wrapping.generate()), name };
  return {
    store,
    objects,
    kinds: createKindRegistry(),
    compression: createCompressionDouble(),
    random,
    clock,
    wrapping,
    machine,
    log: () => undefined,
  };
}

/** A new space on the remote, and its owner's replica. */
export async function foundSpace(deps: ReplicaDeps, remote: Remote): Promise<Replica> {
  const { space, genesis } = await createSpace(deps, 'sealed');
  const created = await remote.append(space, EMPTY_HEAD, { records: [genesis], objects: [] });
  if (created.type !== 'appended') throw new Error(`the space was not created: ${created.type}`);
  await deps.store.write(async (tx) => {
    if ((await tx.logs.head(space)) === null) await tx.logs.append(space, EMPTY_HEAD, [toStored(genesis)]);
  });
  const replica = await Replica.open(deps, space);
  replica.setRemote(remote);
  return replica;
}

/** A replica of a space that this machine was added to. */
export async function followSpace(deps: ReplicaDeps, space: SpaceId, remote: Remote): Promise<Replica> {
  const replica = Replica.create(deps, space);
  replica.setRemote(remote);
  const { divergence } = await pull(replica, remote);
  if (divergence !== null) throw new Error(`the space is not followed: ${divergence.type}`);
  return replica;
}
