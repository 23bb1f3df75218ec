import type { MachineId, SpaceId } from '../core/ids.ts';
import { membershipAfter } from '../core/log/control-history.ts';
import type { Clock } from '../core/ports/clock.ts';
import { StoreUnavailable } from '../core/ports/store.ts';
import type { SatchelNode } from './node.ts';

/** A space whose log is kept here for others, as much as a hub can see of it. */
export interface KeptSpace {
  readonly space: string;
  readonly machines: number;
  readonly records: number;
  /** Encrypted bodies; `null`: they lie in a bucket that does not answer. */
  readonly bytes: number | null;
  /** ISO 8601: when one of its machines was heard of last; `null`: not since this node started. */
  readonly last_seen: string | null;
}

/** When machines asked for something of a space, since this node started. */
export interface Heard {
  note(space: SpaceId, machine: MachineId): void;
  /** Milliseconds since 1970. */
  lastOf(space: SpaceId): number | null;
  /** How many machines asked since then, milliseconds since 1970. O(machines). */
  machinesSince(then: number): number;
}

export function createHeard(clock: Pick<Clock, 'now'>): Heard {
  const last = new Map<SpaceId, number>();
  const machines = new Map<MachineId, number>();
  return {
    note(space, machine) {
      const now = clock.now();
      last.set(space, now);
      machines.set(machine, now);
    },
    machinesSince: (then) => [...machines.values()].filter((at) => at >= then).length,
    lastOf: (space) => last.get(space) ?? null,
  };
}

/** Spaces that this node holds no keys of. O(control records and objects of them). */
export async function keptSpaces(node: SatchelNode): Promise<KeptSpace[]> {
  const ids = (await node.store.read((tx) => tx.logs.spaces())).filter((id) => !node.spaces.has(id));
  const kept: KeptSpace[] = [];
  await lookAtBucket(node);
  // One by one: thousands at once would be more than a database has connections for.
  for (const id of ids) kept.push((await lookAtKept(node, id)).space);
  return kept;
}

/** A space whose log is kept here, and who takes part. O(its control records and objects). */
export async function lookAtKept(
  node: SatchelNode,
  space: SpaceId,
): Promise<{ readonly space: KeptSpace; readonly members: readonly MachineId[] }> {
  const { head, controls } = await node.store.read(async (tx) => ({
    head: await tx.logs.head(space),
    controls: await tx.logs.controls(space, 0),
  }));
  const bytes = await sizeOf(node, space);
  const last = node.heard.lastOf(space);
  const members = [...(membershipAfter(controls)?.members.keys() ?? [])];
  return {
    space: {
      space,
      machines: members.length,
      records: (head?.position ?? -1) + 1,
      bytes,
      last_seen: last === null ? null : new Date(last).toISOString(),
    },
    members,
  };
}

/**
 * Why the bucket cannot be used now; `null`: it can, or there is none. To be asked before spaces are looked at, so that one that never
 * answers is waited for once, not for each of them.
 */
export async function lookAtBucket({ objects: { bucket } }: Pick<SatchelNode, 'objects'>): Promise<StoreUnavailable | null> {
  try {
    await bucket?.ask();
    return null;
  } catch (error) {
    if (error instanceof StoreUnavailable) return error;
    throw error;
  }
}

/** O(objects). */
async function sizeOf({ objects }: SatchelNode, space: SpaceId): Promise<number | null> {
  if ((objects.bucket?.problem ?? null) !== null) return null;
  try {
    let bytes = 0;
    for await (const { size } of objects.list(space)) bytes += size;
    return bytes;
  } catch (error) {
    if (objects.bucket === undefined || !(error instanceof StoreUnavailable)) throw error;
    return null;
  }
}
