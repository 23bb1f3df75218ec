import type { SigningKey } from '../../../src/core/crypto/signing.ts';
import type { SpaceId } from '../../../src/core/ids.ts';
import type { Head } from '../../../src/core/log/record.ts';
import type { ReplicaDeps } from '../../../src/core/replica/deps.ts';
import { foundBenchSpace, type CommitMaker } from './bench-space.ts';
import { persistently } from './commits.ts';
import type { HubPeer } from './hub-peer.ts';

/** As the product's client asks for them. */
const PAGE = { records: 512, bytes: 8 * 1024 * 1024 };
/** Records of one append. */
const SEGMENT = 1_000;

export interface Pulled {
  readonly records: number;
  readonly bytes: number;
}

/** A log of so many records, in large segments. */
export async function prepareLog(hub: HubPeer, owner: ReplicaDeps, records: number): Promise<CommitMaker> {
  const remote = hub.connect(owner.machine.key);
  const maker = await foundBenchSpace(owner, remote, { items: Math.max(100, records / 20) });
  for (let left = records; left > 0; left -= SEGMENT) {
    const before = maker.head;
    const segment = await maker.next(Math.min(SEGMENT, left));
    const outcome = await persistently(() => remote.append(maker.replica.space, before, segment));
    if (outcome.type !== 'appended') throw new Error(`a segment was not taken: ${outcome.type}`);
  }
  await remote.close();
  return maker;
}

/** So many clients of one machine read a log's records at once, from a position on. What they do with them is not measured here. */
export async function pull(hub: HubPeer, key: SigningKey, space: SpaceId, clients: number, from = 0): Promise<Pulled> {
  const all = await Promise.all(
    Array.from({ length: clients }, async () => {
      const remote = hub.connect(key);
      let [records, bytes] = [0, 0];
      for (let head: Head | null = null; head === null || from + records <= head.position;) {
        const page = await persistently(() => remote.read(space, from + records, PAGE));
        if (page.head === null || page.records.length === 0) throw new Error('the log ends too early');
        head = page.head;
        records += page.records.length;
        for (const record of page.records) bytes += record.length;
      }
      await remote.close();
      return { records, bytes };
    }),
  );
  return { records: all.reduce((sum, one) => sum + one.records, 0), bytes: all.reduce((sum, one) => sum + one.bytes, 0) };
}
