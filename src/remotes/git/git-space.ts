import { sha256Hex } from '../../core/crypto/hash.ts';
import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../../core/ids.ts';
import { LIMITS } from '../../core/limits.ts';
import { headAfter, type Head } from '../../core/log/record.ts';
import type { AppendOutcome, ReadAnswer, ReadLimit, Segment } from '../../core/ports/remote.ts';
import { objectsNamed, type CheckedRecord } from '../checks.ts';
import { deletableObjects } from '../deletable-objects.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import type { BranchWriter, Decision, Snapshot } from './branch-writer.ts';
import type { GitBranch } from './git-branch.ts';
import { createGitCheckpoints, type GitCheckpoints } from './git-checkpoints.ts';
import { createGitLog } from './git-log.ts';
import { foreign, type Oid } from './git-object.ts';
import { decodeNote, encodeNote, encodeSegment, type SpaceNote } from './segment-blob.ts';

/** One space in a branch of its own: log, objects and checkpoint in one tree, so that each commit shows all of one moment. */
export interface GitSpace extends GitCheckpoints {
  head(): Promise<Head | null>;
  read(from: number, limit: ReadLimit): Promise<ReadAnswer>;
  append(expected: Head, records: readonly CheckedRecord[], segment: Segment): Promise<AppendOutcome>;
  has(ids: readonly ObjectId[]): Promise<Set<ObjectId>>;
  put(objects: readonly SealedObject[]): Promise<void>;
  get(ids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>>;
  delete(ids: readonly ObjectId[]): Promise<void>;
}

/** After so many commits, or so many bytes that no file holds any more, the branch begins anew. */
export interface Longest {
  readonly commits: number;
  readonly waste: number;
}

export const LONGEST: Longest = { commits: 1_000, waste: 32 * 1024 * 1024 };

export function createGitSpace(space: SpaceId, branch: GitBranch, writer: BranchWriter, longest: Longest = LONGEST): GitSpace {
  const log = createGitLog(branch, writer.trees);
  const noteOf = (snapshot: Snapshot): SpaceNote =>
    snapshot.commit === null ? { head: null, commits: 0, waste: 0 } : decodeNote(snapshot.message);

  function changed<T>(
    answer: T,
    snapshot: Snapshot,
    files: ReadonlyMap<string, Uint8Array | null>,
    change: { head?: Head; waste?: number },
  ): Decision<T> {
    const before = noteOf(snapshot);
    const waste = before.waste + (change.waste ?? 0);
    const forgets = before.commits >= longest.commits || waste >= longest.waste;
    const counts = forgets ? { commits: 0, waste: 0 } : { commits: before.commits + 1, waste };
    return { type: 'change', answer, files, message: encodeNote({ head: change.head ?? before.head, ...counts }), forgets };
  }

  /** Objects of a snapshot by their ids. */
  async function locate({ root }: Snapshot, ids: readonly ObjectId[]): Promise<Map<ObjectId, Oid>> {
    const byPath = await writer.trees.lookUp(root, ids.map(objectPath));
    return new Map(ids.flatMap((id) => (byPath.has(objectPath(id)) ? [[id, byPath.get(objectPath(id)) as Oid]] : [])));
  }

  async function append(expected: Head, records: readonly CheckedRecord[], segment: Segment): Promise<AppendOutcome> {
    const head = headAfter((records.at(-1) as CheckedRecord).record);
    const named = objectsNamed(records, segment.gone);
    return writer.change(async (snapshot): Promise<Decision<AppendOutcome>> => {
      const before = noteOf(snapshot).head;
      if (!isExpected(before, expected)) {
        const limit = { records: REMOTE_LIMITS.missingRecords, bytes: REMOTE_LIMITS.missingBytes };
        const answer = await log.read(snapshot.root, before, expected.position + 1, limit);
        return { type: 'done', answer: { type: 'moved', head: before, missing: answer } };
      }
      const present = await locate(snapshot, [...named, ...segment.objects.map(({ id }) => id)]);
      const along = segment.objects.filter(({ id }) => !present.has(id));
      const brought = new Set(along.map(({ id }) => id));
      const missing = named.filter((id) => !present.has(id) && !brought.has(id));
      if (missing.length > 0) return { type: 'done', answer: { type: 'missing-objects', ids: missing } };
      const files = new Map<string, Uint8Array>(along.map(({ id, bytes }) => [objectPath(id), bytes]));
      files.set(log.pathOf(expected.position + 1), encodeSegment(records));
      return changed({ type: 'appended', head }, snapshot, files, { head });
    });
  }

  /** Bytes of those that are in the tip; asks the host for what is known to be there and is not here. */
  async function fetchObjects(snapshot: Snapshot, ids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>> {
    const located = await locate(snapshot, ids);
    await branch.ensure([...located.values()]);
    const found = new Map<ObjectId, Uint8Array>();
    for (const [id, oid] of located) {
      const bytes = await branch.read(oid, LIMITS.objectCiphertext);
      if (bytes === null) continue;
      if (sha256Hex(bytes) !== id) throw foreign(`object ${id} does not match its id`);
      found.set(id, bytes);
    }
    return found;
  }

  return {
    async head() {
      return noteOf(await writer.fresh()).head;
    },
    async read(from, limit) {
      const snapshot = await writer.fresh();
      const { head } = noteOf(snapshot);
      return { records: await log.read(snapshot.root, head, from, limit), head };
    },
    append,
    async has(ids) {
      const wanted = [...new Set(ids)];
      const known = await locate(await writer.known(), wanted);
      if (known.size === wanted.length) return new Set(known.keys());
      return new Set((await locate(await writer.fresh(), wanted)).keys());
    },
    async put(objects) {
      if (objects.length === 0) return;
      await writer.change(async (snapshot) => {
        const present = await locate(
          snapshot,
          objects.map(({ id }) => id),
        );
        const missing = objects.filter(({ id }) => !present.has(id));
        if (missing.length === 0) return { type: 'done', answer: undefined };
        const files = new Map(missing.map(({ id, bytes }) => [objectPath(id), bytes]));
        return changed(undefined, snapshot, files, {});
      });
    },
    async get(ids) {
      const wanted = [...new Set(ids)];
      const known = await fetchObjects(await writer.known(), wanted);
      // What is not there may have come since; what the host collected went with a commit that was replaced.
      if (known.size === wanted.length) return known;
      return fetchObjects(await writer.fresh(), wanted);
    },
    async delete(ids) {
      await writer.change(async (snapshot) => {
        const here = await locate(snapshot, ids);
        if (here.size === 0) return { type: 'done', answer: undefined };
        const { head } = noteOf(snapshot);
        const read = (from: number): Promise<readonly Uint8Array[]> =>
          log.read(snapshot.root, head, from, { records: REMOTE_LIMITS.readRecords, bytes: REMOTE_LIMITS.readBytes });
        const deletable = await deletableObjects({ read, controls: () => log.controls(snapshot.root, head) }, space, here.keys());
        if (deletable.size === 0) return { type: 'done', answer: undefined };
        const files = new Map([...deletable.keys()].map((id) => [objectPath(id), null]));
        // What an erase record names is to be gone, not merely unreachable from the tip.
        return changed(undefined, snapshot, files, { waste: longest.waste });
      });
    },
    ...createGitCheckpoints(branch, writer, (answer, snapshot, files, waste) => changed(answer, snapshot, files, { waste })),
  };
}

function isExpected(head: Head | null, expected: Head): boolean {
  return head === null ? expected.position === -1 : head.position === expected.position && head.hash === expected.hash;
}

/** 4,096 directories, so that a million objects lie in some 250 each. */
export function objectPath(id: ObjectId): string {
  return `objects/${id.slice(0, 2)}/${id.slice(2, 3)}/${id.slice(3)}`;
}
