import type { Store } from '../../core/ports/store.ts';

/** By user: up to which number of its feed the space has what was pushed. */
const CURSORS = 'claude-mem-captured';

/** 0 where nothing was captured yet. */
export async function capturedUpTo(store: Store, user: string): Promise<number> {
  return (await store.read((tx) => tx.documents.get<number>(CURSORS, user))) ?? 0;
}

export async function noteCaptured(store: Store, user: string, number: number): Promise<void> {
  await store.write((tx) => tx.documents.put(CURSORS, user, number));
}
