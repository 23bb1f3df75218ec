import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DELETION_PAYLOAD, ENTRY_HEADER, PACK_HEADER, packName } from './pack-format.ts';
import type { Deletion, Located, PackIndex } from './pack-index.ts';
import { readPack } from './pack-reader.ts';
import { flushFolder, type NewEntry, type PackWriter } from './pack-writer.ts';

export interface CompactionDeps {
  readonly folder: string;
  readonly index: PackIndex;
  /** Of the space, in the index. */
  readonly number: number;
  readonly writer: PackWriter;
  /** Durable and indexed when it resolves. Only inside `exclusively`. */
  readonly append: (entries: readonly NewEntry[]) => Promise<void>;
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
  /** Whether to leave it at the packs that are done. */
  readonly isOver: () => boolean;
}

const COPY_BYTES = 8 * 1024 * 1024;

/**
 * Copies what lives out of packs of which at least `minDeadShare` is dead, and removes them. Other writes go on in
 * between, but no other compaction of the space. Interrupted anywhere it leaves copies beside their originals, which is as good as either. A pack with a
 * damaged object stays. Answers the bytes freed.
 */
export async function compactPacks(deps: CompactionDeps, minDeadShare: number): Promise<number> {
  const { folder, index, number } = deps;
  let freed = 0;
  for (const { number: pack } of index.packs(number)) {
    if (deps.isOver()) break;
    const path = join(folder, packName(pack));
    const size = await sizeOf(path);
    if (size === null) continue; // taken away past us: whoever reads from it says so
    const live = index.inPack(number, pack);
    const kept = live.reduce((sum, each) => sum + ENTRY_HEADER + each.size, PACK_HEADER);
    const deletions = neededDeletions(deps, pack).length * (ENTRY_HEADER + DELETION_PAYLOAD);
    const dead = size - kept - deletions;
    if (dead <= 0 || dead < minDeadShare * size) continue;
    if (await emptyPack(deps, pack)) freed += size - (await removePack(deps, pack, path)) - (kept - PACK_HEADER);
  }
  return Math.max(0, freed);
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Copies what lives in a pack to the newest one. False where some of it is damaged. */
async function emptyPack(deps: CompactionDeps, pack: number): Promise<boolean> {
  const { exclusively, index, number, writer } = deps;
  const live = await exclusively(async () => {
    if (writer.holds(pack)) await writer.endPack();
    return index.inPack(number, pack); // final but for deletions, now that nothing is added to it any more
  });
  for (const batch of batches(live)) {
    const sound = await exclusively(() => copy(deps, pack, batch));
    if (!sound) return false;
  }
  return true;
}

async function copy({ folder, index, number, append }: CompactionDeps, pack: number, batch: readonly Located[]): Promise<boolean> {
  const ids = batch.map((each) => each.id);
  const still = index.find(number, ids).filter((each) => each.pack === pack); // deleted ones must not come back
  const read = (await readPack(folder, pack, still)) ?? [];
  const entries: NewEntry[] = [];
  for (const { located, bytes } of read) if (bytes !== null) entries.push({ type: 'object', id: located.id, bytes });
  await append(entries);
  return entries.length === still.length;
}

/** Carries over the deletions that earlier packs still need, and removes the pack. Answers the bytes carried. */
function removePack(deps: CompactionDeps, pack: number, path: string): Promise<number> {
  const { folder, index, number, append, exclusively } = deps;
  return exclusively(async () => {
    const carried = neededDeletions(deps, pack).map(({ id, before }): NewEntry => ({ type: 'deletion', id, before }));
    await append(carried);
    index.removePack(number, pack);
    await rm(path, { force: true });
    await flushFolder(folder);
    return carried.length * (ENTRY_HEADER + DELETION_PAYLOAD);
  });
}

/** Deletions in a pack that would be missed without it: what they delete may lie in another pack. */
function neededDeletions({ index, number }: CompactionDeps, pack: number): Deletion[] {
  const others = index.packs(number).filter((each) => each.number !== pack);
  return index.deletionsIn(number, pack).filter(({ before }) => others.some((each) => each.number <= before.pack));
}

function* batches(live: readonly Located[]): Generator<readonly Located[]> {
  let batch: Located[] = [];
  let bytes = 0;
  for (const each of live) {
    batch.push(each);
    bytes += each.size;
    if (bytes < COPY_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
