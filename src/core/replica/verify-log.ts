import type { ObjectId, SpaceId } from '../ids.ts';
import { droppedBy, dropsOf } from '../log/drops.ts';
import { decodeRecord, EMPTY_HEAD, hasValidSignature, type Head } from '../log/record.ts';
import type { Store } from '../ports/store.ts';
import { verifyChain } from './chain.ts';

const PAGE = { records: 512, bytes: 8 * 1024 * 1024 };

/** The chain from the genesis on: hashes, positions, terms, and that the rows say what the records do. O(log). */
export async function verifyLog(
  store: Store,
  space: SpaceId,
  onProgress: (done: number, total: number, what: string) => void,
): Promise<{ readonly records: number; readonly unsigned: number; readonly problems: readonly string[] }> {
  const total = ((await store.read((tx) => tx.logs.head(space)))?.position ?? -1) + 1;
  let head: Head = EMPTY_HEAD;
  let unsigned = 0;
  for (;;) {
    const rows = await store.read((tx) => tx.logs.read(space, head.position + 1, PAGE));
    if (rows.length === 0) break;
    const chain = verifyChain(
      rows.map((row) => row.bytes),
      head,
      space,
    );
    if (!chain.ok) {
      const { error } = chain;
      const where =
        error.type === 'broken'
          ? `${error.position} is broken (${error.reason})`
          : `${head.position + 1} does not continue the one before it`;
      return { records: head.position + 1, unsigned, problems: [`record ${where}`] };
    }
    for (const [index, row] of rows.entries()) {
      const due = chain.value.rows[index];
      if (
        due === undefined ||
        due.hash !== row.hash ||
        due.id !== row.id ||
        due.type !== row.type ||
        due.term !== row.term ||
        due.position !== row.position
      )
        return {
          records: head.position + 1,
          unsigned,
          problems: [`the row of record ${row.position} says something else than the record`],
        };
      const record = decodeRecord(row.bytes);
      if (!record.ok || !hasValidSignature(record.value)) unsigned += 1;
      head = { term: row.term, position: row.position, hash: row.hash };
    }
    onProgress(head.position + 1, total, 'records');
  }
  return { records: head.position + 1, unsigned, problems: [] };
}

/** Every object that the records name and no prune or erase record took away. O(log). */
export async function objectsOfLog(store: Store, space: SpaceId): Promise<ObjectId[]> {
  const named = new Map<ObjectId, number>();
  for (let from = 0; ;) {
    const rows = await store.read((tx) => tx.logs.read(space, from, PAGE));
    if (rows.length === 0) break;
    for (const row of rows) {
      const record = decodeRecord(row.bytes);
      if (record.ok) for (const id of record.value.header.objects) named.set(id, row.position);
      from = row.position + 1;
    }
  }
  const controls = await store.read((tx) => tx.logs.controls(space, 0));
  const drops = dropsOf(
    controls.map((row) => row.bytes),
    space,
  );
  for (const drop of drops) for (const id of droppedBy(drop)) if ((named.get(id) ?? Infinity) < drop.position) named.delete(id);
  return [...named.keys()];
}
