import { sha256 } from '../../core/crypto/hash.ts';
import { bytesToHex, ZERO_HASH, type SpaceId } from '../../core/ids.ts';
import type { Blobs } from '../../core/ports/blobs.ts';
import type { Random } from '../../core/ports/random.ts';
import type { BucketIndex, LocatedObject } from './bucket-index.ts';
import { encodeEntry, entryName, packBase, type DecodedEntry, type IndexChange, type KeptBlob } from './index-entry.ts';
import { loadSnapshot, positionOfSnapshot } from './index-snapshot.ts';

/** What a bucket lost of a log of objects, and what is left of it. */
export interface LostEntries {
  readonly space: SpaceId;
  /** Those that others are behind of, ascending. */
  readonly entries: readonly number[];
  /** Where the bucket is another state of itself, as one that was put back from a copy: where the log ended when this node looked last, and where it ends. */
  readonly end?: { readonly was: number; readonly is: number };
  /** Blobs that lay there as far as that is known, and do not any more. */
  readonly blobs: number;
  /** Objects that are known to be there. Those of entries that are gone are known to nobody, and so are missing, wherever they lie. */
  readonly objects: number;
}

export interface RestartDeps {
  readonly blobs: Blobs;
  readonly index: BucketIndex;
  readonly space: SpaceId;
  /** Of the space, in the bucket. */
  readonly folder: string;
  readonly random: Random;
  readonly readEntry: (position: number) => Promise<DecodedEntry | null>;
}

const PAGE = 1_000;
/** Entries read at one time. */
const AHEAD = 16;
/** Of one entry, at most: far below what its reader takes. */
const OBJECTS = 400_000;
const BLOBS = 20_000;

/** Positions of entries behind one, ascending, as the bucket lists them now: one that was made or removed just now may be told wrongly. */
export async function listEntries(
  { blobs, folder }: Pick<RestartDeps, 'blobs' | 'folder'>,
  behind: number,
  most = Infinity,
): Promise<number[]> {
  const found: number[] = [];
  for (let after = `${folder}/${entryName(behind)}`; ;) {
    const page = await blobs.list(`${folder}/log/`, { after, limit: Math.min(PAGE, most) });
    found.push(...page.blobs.map(({ name }) => Number(name.slice(name.lastIndexOf('/') + 1))).filter(Number.isSafeInteger));
    const last = page.blobs.at(-1);
    if (page.isLast || found.length >= most) return found;
    after = last?.name ?? after;
  }
}

/** The newest restart behind a position, of those entries that are there; `null`: none. Reads from the end on. */
export async function findRestart({ blobs, folder, readEntry }: RestartDeps, behind: number): Promise<DecodedEntry | null> {
  const positions = (await listEntries({ blobs, folder }, behind)).toReversed();
  for (let at = 0; at < positions.length; at += AHEAD) {
    const entries = await Promise.all(positions.slice(at, at + AHEAD).map(readEntry));
    const newest = entries.find((each) => each?.entry.change.type === 'restart');
    if (newest) return newest;
  }
  return null;
}

/**
 * Begins a new run of a log of which entries are lost, behind everything that is known to have been there: its first entry says what is
 * still in the bucket, of what the index of this node, the snapshot and the entries that are left say. Nothing is written where an entry
 * is, or was as far as anybody can tell. `null`: another node wrote there meanwhile; look again. Cost: O(entries and objects of the space).
 */
export async function restartLog(deps: RestartDeps): Promise<LostEntries | null> {
  const { blobs, index, space, folder, random } = deps;
  // Put together beside the index that is used, which holds one state of the log at any moment.
  const draft = bytesToHex(sha256(`what is left of ${space}`)) as SpaceId;
  try {
    const listed = await listEntries(deps, 0);
    const { known, rotten } = await collectKnown(deps, draft, listed);
    const packs = await listPacks(deps);
    const gone = await dropGone(deps, draft, new Set([...listed.map(entryName), ...packs]));
    const bases = Array.from(packs, (name) => packBase(name) ?? 0).filter(Number.isSafeInteger);
    const highest = [...listed, ...bases, known, await positionOfSnapshot(blobs, folder)].reduce((a, b) => Math.max(a, b), 0);
    let [position, previous] = [highest, ZERO_HASH];
    for (const change of changesOf(index, draft)) {
      const entry = { space, position: position + 1, previous, nonce: bytesToHex(random.bytes(16)), change };
      const { bytes, hash } = encodeEntry(entry);
      if ((await blobs.create(`${folder}/${entryName(entry.position)}`, bytes)) !== 'created') break;
      [position, previous] = [entry.position, hash];
    }
    if (position === highest) return null;
    return { space, entries: [...missingOf(listed), ...rotten].toSorted((a, b) => a - b), blobs: gone, objects: index.count(draft) };
  } finally {
    index.forget(draft);
  }
}

/** Everything that is still said of where objects lie. Answers the last position that was known here, and what could not be read. */
async function collectKnown(
  { blobs, index, space, folder, readEntry }: RestartDeps,
  draft: SpaceId,
  listed: readonly number[],
): Promise<{ readonly known: number; readonly rotten: readonly number[] }> {
  index.forget(draft);
  const known = index.head(space).position;
  // The snapshot of another node may know more; and one whose own entry is lost is as good as before.
  await loadSnapshot({ blobs, folder, space, index }, async () => true, draft);
  if (index.head(draft).position <= known) await copyIndex(index, space, draft);
  const behind = listed.filter((position) => position > index.head(draft).position);
  const rotten: number[] = [];
  for (let at = 0; at < behind.length; at += AHEAD) {
    const positions = behind.slice(at, at + AHEAD);
    for (const [which, decoded] of (await Promise.all(positions.map(readEntry))).entries()) {
      if (decoded === null) {
        rotten.push(positions[which] ?? 0);
        continue;
      }
      const { position, previous } = decoded.entry;
      // As if it followed: what the lost ones said is not known, and what this one says is.
      index.loading.end(draft, { position: position - 1, hash: previous }, 0);
      index.apply(draft, decoded);
    }
  }
  return { known, rotten };
}

async function copyIndex(index: BucketIndex, from: SpaceId, to: SpaceId): Promise<void> {
  await index.withState(from, async ({ head, condemned, blobs, objects }) => {
    index.loading.begin(to, blobs);
    let some: LocatedObject[] = [];
    for (const each of objects) {
      if (some.push(each) < PAGE) continue;
      index.loading.add(to, some);
      some = [];
    }
    index.loading.add(to, some);
    index.loading.end(to, head, condemned);
  });
}

/** Takes out of the draft what lies in blobs that are gone. Answers how many of them held something. */
async function dropGone({ blobs, index, folder }: RestartDeps, draft: SpaceId, there: ReadonlySet<string>): Promise<number> {
  let gone = 0;
  for (const { name, objects } of index.blobs(draft)) {
    // A listing may lack what was made a while ago.
    if (there.has(name) || (await blobs.size(`${folder}/${name}`)) !== null) continue;
    index.dropBlob(draft, name);
    if (objects > 0) gone++;
  }
  return gone;
}

/** Between the first and the last of an ascending list. */
function missingOf(listed: readonly number[]): number[] {
  const there = new Set(listed);
  const missing: number[] = [];
  for (let position = 1; position < (listed.at(-1) ?? 0); position++) if (!there.has(position)) missing.push(position);
  return missing;
}

async function listPacks({ blobs, folder }: RestartDeps): Promise<Set<string>> {
  const names = new Set<string>();
  for (let after: string | undefined; ;) {
    const page = await blobs.list(`${folder}/packs/`, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const { name } of page.blobs) names.add(name.slice(folder.length + 1));
    after = page.blobs.at(-1)?.name ?? after;
    if (page.isLast) return names;
  }
}

/** The whole index, as a restart and what is too much for it. Blobs in which nothing lies come along: their bytes are still to be removed. */
export function* changesOf(index: BucketIndex, space: SpaceId): Generator<IndexChange & { readonly blobs: readonly KeptBlob[] }> {
  let [kept, objects, isFirst] = [[] as KeptBlob[], 0, true];
  const change = (): IndexChange & { readonly blobs: readonly KeptBlob[] } =>
    isFirst ? { type: 'restart', condemned: index.condemned(space), blobs: kept } : { type: 'restated', blobs: kept };
  for (const { name, size, dataAt } of index.blobs(space)) {
    const lying = index.inBlob(space, name).map(({ id, offset, size: length }) => ({ id, offset, size: length }));
    if (kept.length > 0 && (objects + lying.length > OBJECTS || kept.length >= BLOBS)) {
      yield change();
      [kept, objects, isFirst] = [[], 0, false];
    }
    kept.push({ name, size, dataAt, objects: lying });
    objects += lying.length;
  }
  yield change();
}
