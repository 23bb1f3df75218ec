import type { Content } from '../core/content.ts';
import type { MachineId } from '../core/ids.ts';
import { itemKey, type Item } from '../core/item.ts';
import { decodeRecord } from '../core/log/record.ts';
import { DRAFT_POSITION } from '../core/replica/overlay.ts';
import { carriers } from '../core/replica/landings.ts';
import type { Replica } from '../core/replica/replica.ts';
import { itemVersions } from './item-versions.ts';

/** Who wrote what, as the signatures of the records say that are here. */
export interface RecordWriters {
  /**
   * Who signed the record at a position, this machine for a draft; `null` where it is not here (yet), or lands again what
   * another one had signed, of which nobody can tell whose it is.
   */
  at(position: number): Promise<MachineId | null>;
  /**
   * Everyone who wrote a version of an item that is newer than `shown` (`null`: any version); `null` among them for a record
   * that is not here, or too long ago. Cost: a look-up, and O(versions since); nothing where it was asked before.
   */
  since(item: Item, shown: Content | null): Promise<readonly (MachineId | null)[]>;
}

const KEPT = 10_000;

export function createRecordWriters(replica: Replica): RecordWriters {
  const { store } = replica.deps;
  const { space, machine: self } = replica;
  const byPosition = new Map<number, MachineId>();
  const byVersions = new Map<string, readonly (MachineId | null)[]>();
  let term: number | null = null;

  const writers: RecordWriters = {
    async at(position) {
      if (position === DRAFT_POSITION) return self;
      // A move of the home may put other records at the same positions, in a later term.
      if (replica.term !== term) byPosition.clear();
      term = replica.term;
      const known = byPosition.get(position);
      if (known !== undefined) return known;
      const [stored] = await store.read((tx) => tx.logs.read(space, position, { records: 1, bytes: 1 }));
      if (stored?.position !== position) return null; // from before a checkpoint, and not fetched yet
      const record = decodeRecord(stored.bytes);
      if (!record.ok) return null;
      if ((await store.read((tx) => tx.documents.get(carriers(space), String(position)))) !== undefined) return null;
      // A folder of thousands of files came with a few records.
      if (byPosition.size >= KEPT) byPosition.clear();
      byPosition.set(position, record.value.header.signer);
      return record.value.header.signer;
    },
    async since(item, shown) {
      const current = (await replica.visible([item])).get(itemKey(item));
      const key = [itemKey(item), current?.revision, shown?.digest, replica.term].join('\0');
      const known = byVersions.get(key);
      if (known !== undefined) return known;
      const { versions, isWhole } = await itemVersions(replica, item);
      const found = new Set<MachineId | null>();
      let isKnown = isWhole;
      for (const { content, position } of versions) {
        isKnown ||= shown !== null && content?.digest === shown.digest;
        if (shown !== null && content?.digest === shown.digest) break;
        found.add(await writers.at(position));
      }
      if (!isKnown) found.add(null);
      if (byVersions.size >= KEPT) byVersions.clear();
      // Who is not known now may be later.
      if (!found.has(null)) byVersions.set(key, [...found]);
      return [...found];
    },
  };
  return writers;
}
