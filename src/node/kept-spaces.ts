import type { SpaceId } from '../core/ids.ts';
import { membershipAfter } from '../core/log/control-history.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { SatchelNode } from './node.ts';

/** A space whose log is kept here for others, as much as a hub can see of it. */
export interface KeptSpace {
  readonly space: string;
  readonly machines: number;
  readonly records: number;
  /** Encrypted bodies. */
  readonly bytes: number;
  /** ISO 8601: when one of its machines was heard of last; `null`: not since this node started. */
  readonly last_seen: string | null;
}

/** When machines asked for something of a space, since this node started. */
export interface Heard {
  note(space: SpaceId): void;
  /** Milliseconds since 1970. */
  lastOf(space: SpaceId): number | null;
}

export function createHeard(clock: Pick<Clock, 'now'>): Heard {
  const last = new Map<SpaceId, number>();
  return {
    note: (space) => void last.set(space, clock.now()),
    lastOf: (space) => last.get(space) ?? null,
  };
}

/** Spaces that this node holds no keys of. O(control records and objects of them). */
export async function keptSpaces(node: SatchelNode): Promise<KeptSpace[]> {
  const ids = (await node.store.read((tx) => tx.logs.spaces())).filter((id) => !node.spaces.has(id));
  return Promise.all(ids.map((id) => keptSpace(node, id)));
}

async function keptSpace(node: SatchelNode, space: SpaceId): Promise<KeptSpace> {
  const { head, controls } = await node.store.read(async (tx) => ({
    head: await tx.logs.head(space),
    controls: await tx.logs.controls(space, 0),
  }));
  let bytes = 0;
  for await (const { size } of node.objects.list(space)) bytes += size;
  const last = node.heard.lastOf(space);
  return {
    space,
    machines: membershipAfter(controls)?.members.size ?? 0,
    records: (head?.position ?? -1) + 1,
    bytes,
    last_seen: last === null ? null : new Date(last).toISOString(),
  };
}
