import { commitKey, hexToBytes, type CommitKey, type MachineId } from '../ids.ts';
import type { Replica } from './replica.ts';

const [MACHINE_BYTES, ID_BYTES] = [32, 16];
/** Of one commit in {@link UsedCommits.pages}: its signer and its id. */
export const KEY_BYTES = MACHINE_BYTES + ID_BYTES;
const PAGE = 4_096;

/** Ids of one signer, one behind the other. */
interface Ids {
  bytes: Uint8Array;
  count: number;
}

/** A set of commits that may be millions: 16 bytes each, and 8 more while they are given out. */
export class UsedCommits {
  readonly #bySigner = new Map<MachineId, Ids>();

  add(key: CommitKey): void {
    const signer = key.slice(0, 2 * MACHINE_BYTES) as MachineId;
    const ids = this.#bySigner.get(signer) ?? { bytes: new Uint8Array(64 * ID_BYTES), count: 0 };
    this.#bySigner.set(signer, ids);
    if (ids.bytes.length === ids.count * ID_BYTES) {
      const larger = new Uint8Array(ids.bytes.length * 2);
      larger.set(ids.bytes);
      ids.bytes = larger;
    }
    ids.bytes.set(hexToBytes(key.slice(2 * MACHINE_BYTES)), ids.count * ID_BYTES);
    ids.count += 1;
  }

  /** Ascending, each once, so many to a page and {@link KEY_BYTES} each. O(commits). */
  *pages(commits: number): Generator<Uint8Array> {
    let page = new Uint8Array(commits * KEY_BYTES);
    let filled = 0;
    for (const signer of [...this.#bySigner.keys()].sort()) {
      const signerBytes = hexToBytes(signer);
      for (const id of inOrder(this.#bySigner.get(signer) as Ids)) {
        if (filled === page.length) {
          yield page;
          page = new Uint8Array(page.length);
          filled = 0;
        }
        page.set(signerBytes, filled);
        page.set(id, filled + MACHINE_BYTES);
        filled += KEY_BYTES;
      }
    }
    if (filled > 0) yield page.subarray(0, filled);
  }
}

/** Sorted digit by digit from the last one on, whatever the ids are. */
function* inOrder({ bytes, count }: Ids): Generator<Uint8Array> {
  let order = Uint32Array.from({ length: count }, (_, index) => index);
  let sorted = new Uint32Array(count);
  for (let digit = ID_BYTES - 1; digit >= 0; digit -= 1) {
    const starts = new Uint32Array(257);
    for (let at = digit; at < count * ID_BYTES; at += ID_BYTES) starts[(bytes[at] as number) + 1]! += 1;
    for (let value = 1; value < starts.length; value += 1) starts[value]! += starts[value - 1] as number;
    for (const index of order) {
      const value = bytes[index * ID_BYTES + digit] as number;
      sorted[starts[value] as number] = index;
      starts[value]! += 1;
    }
    [order, sorted] = [sorted, order];
  }
  let last: Uint8Array | null = null;
  for (const index of order) {
    const id: Uint8Array = bytes.subarray(index * ID_BYTES, (index + 1) * ID_BYTES);
    if (last === null || Buffer.compare(last, id) !== 0) yield id;
    last = id;
  }
}

/** What valid records up to `position` landed, carried commits included. O(log), without the records themselves. */
export async function usedCommits({ space, deps: { store } }: Replica, position: number): Promise<UsedCommits> {
  const voids = new Set((await store.read((tx) => tx.documents.list(`voids/${space}`))).map(({ id }) => Number(id)));
  const used = new UsedCommits();
  for (let from = 0; from <= position;) {
    const start = from;
    const page = await store.read((tx) => tx.logs.commits(space, start, PAGE));
    for (const commit of page) {
      if (commit.position <= position && !voids.has(commit.position)) used.add(commitKey(commit.signer, commit.id));
    }
    const last = page.at(-1);
    if (last === undefined) break;
    from = last.position + 1;
  }
  for (const { id } of await store.read((tx) => tx.documents.list(`carried/${space}`))) used.add(id as CommitKey);
  return used;
}
