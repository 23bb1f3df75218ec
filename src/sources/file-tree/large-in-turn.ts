/** Lets large files in between small ones, so that neither wait long for the others on their way to other machines. */
export interface LargeInTurn {
  /** One of the small ones was handed on. */
  small(): void;
  /** No more of them will come. */
  smallEnded(): void;
  /** Resolves when it is a large one's turn: first come, first served. */
  turn(): Promise<void>;
}

/** A large one after every `between` small ones, and as they come when there are none. */
export function createLargeInTurn(between: number): LargeInTurn {
  const waiting: (() => void)[] = [];
  let since = 0;
  let isEnded = false;
  return {
    small() {
      since += 1;
      if (since < between) return;
      const next = waiting.shift();
      if (next === undefined) return;
      since = 0;
      next();
    },
    smallEnded() {
      isEnded = true;
      for (const next of waiting.splice(0)) next();
    },
    turn() {
      if (isEnded) return Promise.resolve();
      if (since < between || waiting.length > 0) return new Promise((resolve) => waiting.push(resolve));
      since = 0;
      return Promise.resolve();
    },
  };
}
