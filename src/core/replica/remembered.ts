import type { Store, StorePart } from '../ports/store.ts';

/**
 * Asks `look` again only where something was written to the store, or to the `part` of it that all of the answer is from,
 * since it was asked, by whomever: for what is read with
 * every sync and hardly ever changes. Where a store cannot count its writes, an answer is of a look that began after it was asked
 * for: one look serves all who asked while the one before was under way, so that a thousand live streams that hear of one commit
 * ask a database twice. The answer is shared: leave it as it is.
 */
export function remembered<T>({ writes }: Pick<Store, 'writes'>, look: () => Promise<T>, part?: StorePart): () => Promise<T> {
  const askShared = inTurns(look);
  let known: { readonly writes: number; readonly answer: Promise<T> } | null = null;
  return () => {
    // Counted before the look: what is written meanwhile makes the answer an old one, whatever was seen of it.
    const before = writes?.(part);
    if (before === undefined) return askShared();
    if (known?.writes === before) return known.answer;
    const asked = { writes: before, answer: look() };
    known = asked;
    asked.answer.catch(() => {
      if (known === asked) known = null;
    });
    return asked.answer;
  };
}

/** The same of many spaces. What is not there is asked for each time, and takes no room. */
export function rememberedOf<K, T>(
  store: Pick<Store, 'writes'>,
  look: (of: K) => Promise<T | null>,
  part?: StorePart,
): (of: K) => Promise<T | null> {
  const looks = new Map<K, () => Promise<T | null>>();
  return async (of) => {
    const ask = looks.get(of) ?? remembered(store, () => look(of), part);
    looks.set(of, ask);
    let answer: T | null = null;
    try {
      answer = await ask();
    } finally {
      if (answer === null) looks.delete(of);
      else looks.set(of, ask);
    }
    return answer;
  };
}

/** One look at a time; those who ask meanwhile share the next one. */
function inTurns<T>(look: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  let next: Promise<T> | null = null;
  const begin = (): Promise<T> => {
    next = null;
    const asked = look();
    running = asked;
    const ended = (): void => {
      if (running === asked && next === null) running = null;
    };
    asked.then(ended, ended);
    return asked;
  };
  return () => (running === null ? begin() : (next ??= running.then(begin, begin)));
}
