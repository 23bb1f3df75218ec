import type { ObjectStore } from '../../src/core/ports/objects.ts';
import type { Store } from '../../src/core/ports/store.ts';

/** The machine lost power. Everything that its process does from here on fails the same way. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** A write failed and left nothing; the process lives on. */
export class DiskFull extends Error {
  override readonly name = 'DiskFull';
}

/** Where one machine may fail: every write to its store, its objects and its home, and every answer from the network. */
export interface Faults {
  readonly dead: boolean;
  /** Throws where the armed failure strikes. */
  point(where: string, phase: 'before' | 'after'): void;
  /** Strikes at the `countdown`th point from now. */
  arm(kind: 'crash' | 'full', countdown: number): void;
  /** Nothing is armed any more, and a new process may run. */
  revive(): void;
}

export function createFaults(onStrike: (what: string) => void): Faults {
  let dead = false;
  let armed: { kind: 'crash' | 'full'; left: number } | null = null;
  return {
    get dead() {
      return dead;
    },
    point(where, phase) {
      if (dead) throw new Crash(`dead at ${where}`);
      if (armed === null) return;
      armed.left -= 1;
      if (armed.left > 0 || (armed.kind === 'full' && phase === 'after')) return;
      const { kind } = armed;
      armed = null;
      onStrike(`${kind} ${phase} ${where}`);
      if (kind === 'full') throw new DiskFull(`no space for ${where}`);
      dead = true;
      throw new Crash(`power lost ${phase} ${where}`);
    },
    arm(kind, countdown) {
      armed = { kind, left: countdown };
    },
    revive() {
      dead = false;
      armed = null;
    },
  };
}

/** A store whose writes may fail before they begin, or lose their answer after they took effect. */
export function createFailingStore(store: Store, faults: Faults): Store {
  return {
    async read(work) {
      faults.point('store read', 'after');
      return store.read(work);
    },
    async write(work) {
      faults.point('store write', 'before');
      const outcome = await store.write(async (tx) => {
        const made = await work(tx);
        // The process may have died in another part of it meanwhile: then this transaction is not committed.
        if (faults.dead) throw new Crash('dead before a commit');
        return made;
      });
      faults.point('store write', 'after');
      return outcome;
    },
    ...(store.writes === undefined ? {} : { writes: store.writes }),
    close: () => store.close(),
  };
}

/** Objects of which a crash leaves none, some, or all. */
export function createFailingObjects(objects: ObjectStore, faults: Faults): ObjectStore {
  return {
    ...objects,
    async put(space, batch) {
      for (const object of batch) {
        faults.point('objects put', 'before');
        await objects.put(space, [object]);
      }
      faults.point('objects put', 'after');
    },
  };
}
