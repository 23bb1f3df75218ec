import { readObjects } from './bucket-reader.ts';
import type { IndexedBlob } from './bucket-index.ts';
import { packBase, packName } from './index-entry.ts';
import type { IndexLog } from './index-log.ts';
import { buildPacks, packOf } from './pack-builder.ts';
import { isRestartedLately } from './known-before.ts';
import type { SpaceBucketDeps } from './space-bucket.ts';

export interface BucketCompactionDeps extends SpaceBucketDeps {
  readonly log: IndexLog;
  readonly fresh: () => Promise<void>;
  /** Entries of this node are made one after the other. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
  /** Whether to leave it at what is done. */
  readonly isOver: () => boolean;
}

/** Of a blob, dead: worth the writing. */
const MOSTLY_DEAD = 0.5;
/** Blobs below this part of a pack are small; so many of them become few. */
const SMALL = 8;
const SCATTERED = 64;
/** Milliseconds after which nobody is taken to be still sending a pack. Whoever is sends it again: only time is lost. */
const ABANDONED = 24 * 60 * 60 * 1000;

/**
 * Gives back the room of deleted objects, with other nodes writing, reading and compacting all the while
 * (docs/decisions/0013): what lives in blobs that are mostly dead is copied to a new pack, an entry of the log says so, and
 * then their bytes go. Interrupted anywhere it leaves copies, which the next one removes. Answers the bytes freed.
 */
export async function compactBucket(deps: BucketCompactionDeps, isThorough: boolean): Promise<number> {
  const { index, space, isOver } = deps;
  await deps.fresh();
  let freed = await sweep(deps);
  const used = index.blobs(space).filter(({ objects }) => objects > 0);
  const small = used.filter(({ size }) => size < deps.packBytes / SMALL);
  const isScattered = small.length >= SCATTERED;
  const victims = used.filter(({ size, live }) => {
    const dead = size - live;
    if (dead > 0 && (isThorough || dead >= MOSTLY_DEAD * size)) return true;
    return isScattered && size < deps.packBytes / SMALL;
  });
  for (const group of groupsOf(victims, deps.packBytes)) {
    if (isOver()) return freed;
    freed -= await moveOut(deps, group);
  }
  freed += await sweep(deps);
  await removeAbandoned(deps);
  return Math.max(0, freed);
}

/** Copies what lives in some blobs to a new one. Answers the bytes written. What is damaged stays where it is. */
async function moveOut(deps: BucketCompactionDeps, group: readonly IndexedBlob[]): Promise<number> {
  const { blobs, index, space, folder, random, log, packBytes } = deps;
  const live = group.flatMap(({ name }) => index.inBlob(space, name));
  const sound = (await readObjects(blobs, folder, live)).flatMap(({ located, bytes }) =>
    bytes === null ? [] : [{ id: located.id, bytes }],
  );
  let written = 0;
  for (const pack of buildPacks(sound, packBytes)) {
    const name = packName(index.head(space).position, Buffer.from(random.bytes(16)).toString('hex'));
    await blobs.write(`${folder}/${name}`, pack.bytes);
    const change = { type: 'move' as const, pack: packOf(pack, name), from: group.map((each) => each.name) };
    await deps.exclusively(() => log.append(() => ({ change })));
    written += pack.bytes.length;
  }
  return written;
}

/**
 * Removes the bytes of blobs in which nothing lies. Nothing will ever lie there again, since an entry puts objects into new
 * packs only; whoever reads there now, by an older index, looks again where the object lies. Answers the bytes.
 */
async function sweep(deps: BucketCompactionDeps): Promise<number> {
  const { blobs, index, space, folder, log } = deps;
  // While the index is made anew it does not say yet what lies where.
  if (index.head(space).position === 0) return 0;
  const empty = index.blobs(space).filter(({ objects }) => objects === 0);
  if (empty.length === 0) return 0;
  const packs = empty.filter(({ name }) => packBase(name) !== null).map(({ name }) => `${folder}/${name}`);
  for (let at = 0; at < packs.length; at += 1_000) await blobs.remove(packs.slice(at, at + 1_000));
  for (const { name, dataAt } of empty.filter((each) => packBase(each.name) === null)) {
    // An entry stays, without its data: the log is read from its beginning where nothing else is left.
    const header = await blobs.read(`${folder}/${name}`, { offset: 0, length: dataAt });
    if (header?.length === dataAt) await blobs.write(`${folder}/${name}`, header);
  }
  await deps.exclusively(() =>
    log.append(() => {
      const left = empty.filter(({ name }) => index.hasBlob(space, name)).map(({ name }) => name);
      return left.length === 0 ? null : { change: { type: 'swept', blobs: left } };
    }),
  );
  return empty.reduce((sum, { size }) => sum + size, 0);
}

/**
 * Packs that were sent, and that no entry names: their writer died in between, or is asleep. An entry that condemns them
 * comes first, so that one who wakes up finds that they do not count, and sends them again.
 */
async function removeAbandoned(deps: BucketCompactionDeps): Promise<void> {
  const { blobs, index, space, folder, clock, log } = deps;
  const below = headLongAgo(deps, clock.now());
  // What was lost of the log may have named them, and a node may know what lies there.
  if (below === 0 || isRestartedLately(index, space, clock)) return;
  const found: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await blobs.list(`${folder}/packs/`, { limit: 1_000, ...(after === undefined ? {} : { after }) });
    const names = page.blobs.map(({ name }) => name.slice(folder.length + 1));
    const old = names.filter((name) => (packBase(name) ?? below) < below);
    found.push(...old.filter((name) => !index.hasBlob(space, name)));
    after = page.blobs.at(-1)?.name;
    if (page.isLast || old.length < names.length || after === undefined) break;
  }
  if (found.length === 0 || index.head(space).position === 0) return;
  if (index.condemned(space) < below) await deps.exclusively(() => log.append(() => ({ change: { type: 'condemn', below } })));
  const abandoned = found.filter((name) => !index.hasBlob(space, name)).map((name) => `${folder}/${name}`);
  for (let at = 0; at < abandoned.length; at += 1_000) await blobs.remove(abandoned.slice(at, at + 1_000));
}

/** The head as it was a day ago, as far as this node noted it; 0 where it did not. Notes how it is now. */
function headLongAgo({ index, space }: BucketCompactionDeps, now: number): number {
  const name = `heads/${space}`;
  const notes = (JSON.parse(index.note(name) ?? '[]') as [time: number, position: number][]).filter(([time]) => time <= now);
  const old = notes.filter(([time]) => time <= now - ABANDONED);
  const newest = notes.at(-1)?.[0] ?? -Infinity;
  const kept = [...old.slice(-1), ...notes.filter(([time]) => time > now - ABANDONED)];
  if (newest <= now - ABANDONED / 24) kept.push([now, index.head(space).position]);
  index.setNote(name, JSON.stringify(kept));
  return old.at(-1)?.[1] ?? 0;
}

/** Blobs whose live objects make one pack together. */
function* groupsOf(victims: readonly IndexedBlob[], packBytes: number): Generator<readonly IndexedBlob[]> {
  let group: IndexedBlob[] = [];
  let bytes = 0;
  for (const blob of victims) {
    if (group.length > 0 && bytes + blob.live > packBytes) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(blob);
    bytes += blob.live;
  }
  if (group.length > 0) yield group;
}
