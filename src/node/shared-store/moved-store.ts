import { existsSync } from 'node:fs';
import path from 'node:path';
import { StoreUnusable } from '../../store/store-unusable.ts';
import { createSqliteStore } from '../../store/sqlite/sqlite-store.ts';
import { readPrivate, writePrivate, type NodeHome } from '../home.ts';

/** Says that the embedded store in this home was moved, and where to: it must never serve its logs again. */
export const movedFile = (home: NodeHome): string => path.join(home.root, 'store-moved.json');

export interface MovedStore {
  readonly to: string;
  /** Milliseconds; `null` where it was not noted. */
  readonly at: number | null;
}

/** Where the embedded store was moved; `null` where it was not. */
export async function readMoved(home: NodeHome): Promise<MovedStore | null> {
  const text = await readPrivate(movedFile(home));
  if (text === null) return null;
  const { to, at } = JSON.parse(text) as { to?: unknown; at?: unknown };
  return typeof to === 'string' ? { to, at: typeof at === 'number' ? at : null } : null;
}

export async function noteMoved(home: NodeHome, moved: MovedStore): Promise<void> {
  await writePrivate(movedFile(home), JSON.stringify(moved));
}

/** Throws where the embedded store here was moved: two hubs with one key would each order the same logs. */
export async function refuseMoved(home: NodeHome): Promise<void> {
  const moved = await readMoved(home);
  if (moved === null) return;
  const { to } = moved;
  throw new StoreUnusable(
    'refused',
    `the store in ${home.root} was moved to ${to}, which goes on from there: start it with --hub --store ${to}, or set "store" in config.json; a move that was interrupted ends with: satchel store migrate --to ${to}`,
  );
}

/** Throws where logs lie in the embedded store here: beside a shared one nobody would be served them. */
export async function refuseUnmoved(home: NodeHome, to: string): Promise<void> {
  if (!existsSync(home.store) || (await readMoved(home)) !== null) return;
  const store = await createSqliteStore({ path: home.store });
  try {
    const logs = await store.read((tx) => tx.logs.spaces());
    if (logs.length === 0) return;
    throw new StoreUnusable(
      'refused',
      `${home.root} holds a store with ${logs.length} logs, which would not be served. Move it first: satchel store migrate --to ${to}`,
    );
  } finally {
    await store.close();
  }
}
