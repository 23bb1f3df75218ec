import type { Item } from '../item.ts';
import { EMPTY_HEAD, type Head } from '../log/record.ts';
import type { Store, StoreTransaction } from '../ports/store.ts';
import { Replay } from './replay.ts';
import type { Replica } from './replica.ts';

const PAGE = { records: 512, bytes: 8 * 1024 * 1024 };
const ROWS = 1_000;

/**
 * Replays the log from the genesis into `scratch`, an empty store, and compares what comes out with the state here.
 * Writers wait only while the two are compared. O(log).
 */
export async function verifyState(
  replica: Replica,
  scratch: Store,
  onProgress: (done: number, total: number, what: string) => void,
): Promise<string[]> {
  const { deps, space } = replica;
  const replay = new Replay({ ...deps, store: scratch, log: () => undefined }, space);
  await follow(replica, scratch, replay, onProgress);
  return replica.exclusive(async () => {
    await follow(replica, scratch, replay, onProgress);
    if (replay.cursor?.position !== replica.position)
      return [`the state stands at record ${replica.position}; a replay of the log ends at ${replay.cursor?.position ?? -1}`];
    return [
      ...(await differences('items', deps.store, scratch, (tx, after: Item | undefined) =>
        tx.items
          .list(space, { ...(after === undefined ? {} : { after }), limit: ROWS, deleted: true })
          .then((rows) => ({ rows, next: rows.length < ROWS ? undefined : rows.at(-1)?.item })),
      )),
      ...(await differences('open conflicts', deps.store, scratch, async (tx) => ({
        rows: (await tx.items.siblings(space)).toSorted((a, b) => (a.sibling < b.sibling ? -1 : 1)),
        next: undefined,
      }))),
      ...(await differences('history', deps.store, scratch, (tx, before: number | undefined) =>
        tx.items
          .historyByPosition(space, { ...(before === undefined ? {} : { before }), limit: ROWS })
          .then((rows) => ({ rows, next: rows.at(-1)?.position })),
      )),
    ];
  });
}

async function follow(
  replica: Replica,
  scratch: Store,
  replay: Replay,
  onProgress: (done: number, total: number, what: string) => void,
): Promise<void> {
  const { deps, space } = replica;
  for (;;) {
    const head: Head = (await scratch.read((tx) => tx.logs.head(space))) ?? EMPTY_HEAD;
    const page = await deps.store.read((tx) => tx.logs.read(space, head.position + 1, PAGE));
    const rows = page.filter((row) => row.position <= replica.position);
    if (rows.length === 0) break;
    await scratch.write((tx) => tx.logs.append(space, head, rows));
    onProgress(rows.at(-1)?.position ?? 0, replica.position, 'records replayed');
  }
  // All of the log first: keys of its beginning may be handed out at its end.
  await replay.run(new Map(), { tells: false });
}

/** Compares a table of both stores page by page; names the first row that differs. */
async function differences<T, N>(
  what: string,
  ours: Store,
  theirs: Store,
  read: (tx: StoreTransaction, from: N | undefined) => Promise<{ readonly rows: readonly T[]; readonly next: N | undefined }>,
): Promise<string[]> {
  let from: N | undefined;
  for (;;) {
    const start = from;
    const [here, there] = [await ours.read((tx) => read(tx, start)), await theirs.read((tx) => read(tx, start))];
    const length = Math.max(here.rows.length, there.rows.length);
    for (let at = 0; at < length; at += 1) {
      if (JSON.stringify(here.rows[at]) !== JSON.stringify(there.rows[at]))
        return [`the ${what} here are not what the log makes: ${nameOf(here.rows[at] ?? there.rows[at])}`];
    }
    if (here.next === undefined) return [];
    from = here.next;
  }
}

function nameOf(row: unknown): string {
  const name = (row as { readonly item?: Item } | undefined)?.item?.name;
  return name === undefined ? 'a row' : JSON.stringify(name);
}
