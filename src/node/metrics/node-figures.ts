import { statfs } from 'node:fs/promises';
import type { SatchelNode } from '../node.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { lastBackup } from '../backup/last-backup.ts';
import { sizeOfFolder } from '../size-on-disk.ts';
import { createGauge, type Family } from './registry.ts';

/** What is looked up in a node when somebody asks. A look costs one transaction, and a few calls of the file system. */
export function nodeFigures(node: SatchelNode): readonly Family[] {
  const { config, store, home, options, deps } = node;
  const objectsHere = rememberFor(A_MINUTE, deps.clock, () => sizeOfFolder(home.objects));
  const kind = config.store === undefined ? 'sqlite' : 'postgres';
  const labels = { version: options.version, node: process.version, store: kind, role: config.hub ? 'hub' : 'node' };
  return [
    createGauge('satchel_build_info', 'What runs: its versions, store and role.', () => [{ labels, value: 1 }]),
    createGauge('satchel_spaces', 'Spaces whose logs are kept here.', async () => (await store.read((tx) => tx.logs.spaces())).length),
    createGauge('satchel_store_size_bytes', 'What the store’s database takes.', () => store.size()),
    createGauge('satchel_objects_size_bytes', 'What objects take in SATCHEL_HOME, as of a minute ago.', objectsHere),
    createGauge('satchel_bucket_up', 'Whether the bucket of encrypted bodies answered when it was asked last: 1, or 0.', () => {
      const { bucket } = node.objects;
      return bucket === undefined ? null : bucket.problem === null ? 1 : 0;
    }),
    createGauge('satchel_home_free_bytes', 'Room that is left where SATCHEL_HOME is.', async () => {
      const { bavail, bsize } = await statfs(home.root);
      return bavail * bsize;
    }),
    createGauge('satchel_last_backup_timestamp_seconds', 'When this node wrote its last backup, seconds since 1970.', async () => {
      const last = await lastBackup(store);
      return last === null ? null : last.at / 1000;
    }),
    createGauge('satchel_sync_problems', 'Own spaces that are not in sync now.', () => {
      return [...node.spaces.values()].filter(({ runner }) => runner.state.problem !== null).length;
    }),
  ];
}

const A_MINUTE = 60_000;

/** For what costs more than a scrape should. */
function rememberFor(ms: number, clock: Pick<Clock, 'now'>, look: () => Promise<number>): () => Promise<number> {
  let last: { readonly at: number; readonly value: Promise<number> } | null = null;
  return () => {
    const now = clock.now();
    if (last === null || now - last.at >= ms || now < last.at) last = { at: now, value: look() };
    return last.value;
  };
}
