import { decodeRecord } from '../core/log/record.ts';
import { DRAFT_POSITION } from '../core/replica/overlay.ts';
import type { OpenSpace, SatchelNode } from './node.ts';
import { recordTime } from './record-times.ts';

export interface RecordAuthor {
  /** Its name; `?` where the record is not here. */
  readonly machine: string;
  /** ISO 8601, as its author's clock said; `null` where that is not known. */
  readonly time: string | null;
}

/** Who wrote the record at a position, and when; drafts are this machine's. A record is looked up once. */
export function createRecordAuthors(
  node: SatchelNode,
  open: OpenSpace,
  names: ReadonlyMap<string, string>,
): (position: number) => Promise<RecordAuthor> {
  const self = node.deps.machine.key.machine;
  const known = new Map<number, Promise<RecordAuthor>>();
  const lookUp = async (position: number): Promise<RecordAuthor> => {
    if (position === DRAFT_POSITION) return { machine: names.get(self) ?? '', time: null };
    const [stored] = await node.store.read((tx) => tx.logs.read(open.entry.space, position, { records: 1, bytes: 1 }));
    const record = stored?.position === position ? decodeRecord(stored.bytes) : null;
    if (record?.ok !== true) return { machine: '?', time: null };
    const { signer } = record.value.header;
    return { machine: names.get(signer) ?? signer.slice(0, 8), time: await recordTime(node, open, position) };
  };
  return (position) => {
    const found = known.get(position) ?? lookUp(position);
    known.set(position, found);
    return found;
  };
}
