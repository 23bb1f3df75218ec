import type { SpaceId } from '../../core/ids.ts';
import { decodeControl } from '../../core/log/control.ts';
import { decodeRecord } from '../../core/log/record.ts';
import { IndexDamaged, IndexMoved, type TextIndex, type TextIndexPlace } from '../../core/ports/text-index.ts';
import { Mutex } from '../../core/replica/mutex.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { readState } from './index-state.ts';

/** The full-text index of this node: made when it is asked for the first time, closed when nobody uses it. */
export interface Recall {
  /**
   * One piece of work at a time. An index that turns out to be damaged is thrown away, `say` tells of it, and the work begins again; and so it
   * does where another process wrote what it had looked at.
   */
  use<T>(work: (index: TextIndex) => Promise<T>, say: (line: string) => void): Promise<T>;
  /** Throws the index away: nothing of what it held is on the disk any more. It is made again when it is asked for. */
  discard(): Promise<void>;
  /** Throws it away where something was erased that it may still hold words of. Cheap where nothing was. */
  obeyErasures(replica: Replica): Promise<void>;
  /** Bytes on disk. */
  size(): Promise<number>;
}

/** Work that begins so often again meets others each time, who got on with it. */
const ATTEMPTS = 50;

export function createRecall(place: TextIndexPlace): Recall {
  const queue = new Mutex();
  const size = (): Promise<number> => place.size();
  const remove = (): Promise<void> => place.remove();
  /** The newest prune or erase record that was looked at, by space. */
  const seen = new Map<SpaceId, number>();

  async function open<T>(work: (index: TextIndex) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const index = await place.open();
      try {
        return await work(index);
      } catch (error) {
        if (!(error instanceof IndexMoved) || attempt === ATTEMPTS) throw error;
      } finally {
        await index.close();
      }
    }
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
