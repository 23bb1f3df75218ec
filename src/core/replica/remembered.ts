import type { Store } from '../ports/store.ts';

/**
 * Asks `look` again only where something was written to the store since it was asked, by whomever: for what is read with
 * every sync and hardly ever changes. What a store cannot count the writes of is asked each time. The answer is shared:
 * leave it as it is.
 */
export function remembered<T>({ writes }: Pick<Store, 'writes'>, look: () => Promise<T>): () => Promise<T> {
  let known: { readonly writes: number; readonly answer: T } | null = null;
  return async () => {
    // Counted before the look: what is written meanwhile makes the answer an old one, whatever was seen of it.
    const before = writes?.();
    if (known !== null && known.writes === before) return known.answer;
    const answer = await look();
    if (before !== undefined) known = { writes: before, answer };
    return answer;
  };
}
