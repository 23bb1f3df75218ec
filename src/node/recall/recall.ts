import { rm, stat } from 'node:fs/promises';
import type { SpaceId } from '../../core/ids.ts';
import { decodeControl } from '../../core/log/control.ts';
import { decodeRecord } from '../../core/log/record.ts';
import { IndexDamaged, type TextIndex } from '../../core/ports/text-index.ts';
import { Mutex } from '../../core/replica/mutex.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { readState } from './index-state.ts';

/** The full-text index of this node: made when it is asked for the first time, closed when nobody uses it. */
export interface Recall {
  /** One piece of work at a time. An index that turns out to be damaged is thrown away, `say` tells of it, and the work begins again. */
  use<T>(work: (index: TextIndex) => Promise<T>, say: (line: string) => void): Promise<T>;
  /** Throws the index away: nothing of what it held is on the disk any more. It is made again when it is asked for. */
  discard(): Promise<void>;
  /** Throws it away where something was erased that it may still hold words of. Cheap where nothing was. */
  obeyErasures(replica: Replica): Promise<void>;
  /** Bytes on disk. */
  size(): Promise<number>;
}

export function createRecall(file: string, openIndex: (file: string) => Promise<TextIndex>): Recall {
  const queue = new Mutex();
  const files = [file, `${file}-wal`, `${file}-shm`, `${file}-journal`];
  /** The newest prune or erase record that was looked at, by space. */
  const seen = new Map<SpaceId, number>();

  async function remove(): Promise<void> {
    for (const each of files) await rm(each, { force: true });
  }

  async function open<T>(work: (index: TextIndex) => Promise<T>): Promise<T> {
    const index = await openIndex(file);
    try {
      return await work(index);
    } finally {
      await index.close();
    }
  }

  async function size(): Promise<number> {
    const sizes = await Promise.all(files.map((each) => stat(each).then((found) => found.size, absent)));
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  }

  return {
    size,
    use: (work, say) =>
      queue.run(() =>
        open(work).catch(async (error: unknown) => {
          if (!(error instanceof IndexDamaged)) throw error;
          say('The search index was damaged, or of another version: it is made anew.');
          await remove();
          return open(work);
        }),
      ),
    discard: () => queue.run(remove),
    async obeyErasures(replica) {
      const { space, lastDrop } = replica;
      if (lastDrop < 0 || seen.get(space) === lastDrop) return;
      await queue.run(async () => {
        if ((await size()) === 0) return;
        const held = await open((index) => readState(index, replica)).catch((error: unknown) => {
          if (error instanceof IndexDamaged) return null;
          throw error;
        });
        if (held !== null && held.drop === lastDrop) return;
        // A log that fell back names others from there on.
        const from = held === null || held.drop > lastDrop ? 0 : held.drop + 1;
        if (await hasErasure(replica, from)) await remove();
      });
      seen.set(space, lastDrop);
    },
  };
}

async function hasErasure({ deps, space, position }: Replica, from: number): Promise<boolean> {
  const controls = await deps.store.read((tx) => tx.logs.controls(space, from));
  return controls.some((stored) => {
    const record = stored.position > position ? null : decodeRecord(stored.bytes);
    const payload = record?.ok === true ? decodeControl(record.value.body) : null;
    return payload?.ok === true && payload.value.op === 'erase';
  });
}

function absent(error: NodeJS.ErrnoException): number {
  if (error.code === 'ENOENT') return 0;
  throw error;
}
