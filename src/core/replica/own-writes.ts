import type { Store, StorePart } from '../ports/store.ts';

/** Tells whether nobody but oneself wrote a part of the store since one last looked, for what is remembered of it. */
export interface OwnWrites {
  /** Calls `forget` where somebody else did. False where the store cannot count its writes: then nothing may be kept. O(1). */
  check(): boolean;
  /** Runs one transaction of one's own. Whether what it made may be kept: no other write came in between. */
  writing<T>(transaction: () => Promise<T>): Promise<{ readonly result: T; readonly isAlone: boolean }>;
}

export function createOwnWrites({ writes }: Pick<Store, 'writes'>, part: StorePart, forget: () => void): OwnWrites {
  let seen = writes?.(part);
  const check = (): boolean => {
    const now = writes?.(part);
    if (now === undefined || now !== seen) forget();
    seen = now;
    return now !== undefined;
  };
  return {
    check,
    async writing(transaction) {
      check();
      const before = seen;
      const result = await transaction();
      // One transaction is one write: with more, another one came in between.
      const isAlone = before !== undefined && writes?.(part) === before + 1;
      if (isAlone) seen = before + 1;
      return { result, isAlone };
    },
  };
}
