import { z } from 'zod';
import type { SpaceId } from '../../core/ids.ts';
import { liveContents, objectsOf } from '../../core/replica/live-objects.ts';
import { planPrune, prune } from '../../core/replica/prune.ts';
import { verifyKeptLog, verifySpace, type VerifyReport } from '../../core/replica/verify.ts';
import { HOUSEKEEPING_KINDS } from '../../kinds/claude-home/housekeeping.ts';
import { createSqliteStore } from '../../store/sqlite/sqlite-store.ts';
import { writeBackup, type BackupResult } from '../backup/write-backup.ts';
import { readRecoverySecret } from '../recovery-file.ts';
import { findSpace } from '../find-space.ts';
import type { SatchelNode } from '../node.ts';
import { spaceField } from './fields.ts';
import { wantAgain } from '../want-again.ts';
import { noInput } from './no-input.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface SpaceSizes {
  readonly space: string;
  /** `null` for a log that is kept here for others. */
  readonly name: string | null;
  readonly records: number;
  /** As `status` counts them. */
  readonly items: number;
  /** What Satchel notes for itself: answers to `pending`, where projects are. */
  readonly own_items: number;
  /** Encrypted bodies here, and those of them that current bodies and open conflicts lie in. */
  readonly objects: number;
  readonly object_bytes: number;
  readonly current_bytes: number | null;
}

export interface StoreSizes {
  readonly path: string;
  readonly database_bytes: number;
  /** Of the index of `search`; 0 before somebody searched. */
  readonly index_bytes: number;
  readonly spaces: readonly SpaceSizes[];
}

export const storeSizesOperation = defineOperation({
  input: noInput,
  async run(node): Promise<StoreSizes> {
    const spaces = await Promise.all((await allSpaces(node)).map((space) => sizesOf(node, space)));
    const [database_bytes, index_bytes] = [await node.store.size(), await node.recall.size()];
    return { path: node.store.place ?? node.home.root, database_bytes, index_bytes, spaces };
  },
});

function allSpaces(node: SatchelNode): Promise<SpaceId[]> {
  return node.store.read((tx) => tx.logs.spaces());
}

async function sizesOf(node: SatchelNode, space: SpaceId): Promise<SpaceSizes> {
  const open = node.spaces.get(space);
  const { head, all, count, live } = await node.store.read(async (tx) => ({
    head: await tx.logs.head(space),
    all: await tx.items.count(space),
    count: await tx.items.count(space, HOUSEKEEPING_KINDS),
    live: open === undefined ? null : objectsOf(await liveContents(tx, open.replica), open.replica),
  }));
  const sizes = { objects: 0, object_bytes: 0, current: 0 };
  for await (const { id, size } of node.objects.list(space)) {
    sizes.objects += 1;
    sizes.object_bytes += size;
    if (live?.has(id) === true) sizes.current += size;
  }
  return {
    space,
    name: open?.entry.name ?? null,
    records: (head?.position ?? -1) + 1,
    items: count.items,
    own_items: all.items - count.items,
    objects: sizes.objects,
    object_bytes: sizes.object_bytes,
    current_bytes: live === null ? null : sizes.current,
  };
}

export interface PruneResult {
  readonly bodies: number;
  readonly bytes: number;
  readonly objects: number;
  /** False for a plan. */
  readonly pruned: boolean;
}

const DAY = 24 * 60 * 60 * 1000;

export const pruneOperation = defineOperation({
  input: z.strictObject({
    space: spaceField.optional(),
    older_than_days: z.number().min(0).max(100_000),
    /** Newest bodies of each item that stay whatever their age. */
    keep: z.number().int().min(1).max(1_000_000).default(1),
    plan: z.boolean().default(false),
  }),
  async run(node, input, { progress }): Promise<PruneResult> {
    const open = findSpace(node, input.space);
    const policy = { olderThan: input.older_than_days * DAY, keep: input.keep };
    const { objects, ...found } = input.plan
      ? await planPrune(open.replica, policy)
      : await prune(open.replica, await open.runner.connected(), policy, (done, total) => progress(done, total, 'objects'));
    return { ...found, objects: objects.length, pruned: !input.plan };
  },
});

export interface VerifyResult {
  readonly sound: boolean;
  readonly store: 'sqlite' | 'postgres';
  readonly database: readonly string[];
  readonly spaces: readonly ({ readonly space: string; readonly name: string | null; readonly kept_here: boolean } & VerifyReport)[];
}

export const verifyOperation = defineOperation({
  input: z.strictObject({ depth: z.enum(['names', 'data', 'full']).default('names') }),
  async run(node, input, { progress }): Promise<VerifyResult> {
    const database = await node.store.verify();
    const spaces = [];
    for (const space of await allSpaces(node)) {
      const open = node.spaces.get(space);
      // Where the remote cannot be reached the report says so.
      await open?.runner.connected().catch(() => undefined);
      const options = { depth: input.depth, onProgress: progress };
      const report =
        open === undefined || !open.replica.canWrite
          ? await verifyKeptLog(node.store, node.objects, space, { ...options, onLost: (ids) => wantAgain(node, space, ids) })
          : await verifySpace(open.replica, {
              ...options,
              isHome: open.entry.remote === null,
              scratch: () => createSqliteStore({ path: ':memory:' }),
            });
      spaces.push({ space, name: open?.entry.name ?? null, kept_here: (open?.entry.remote ?? null) === null, ...report });
    }
    const sound = database.length === 0 && spaces.every((s) => s.problems.length === 0);
    return { sound, store: node.store.place === null ? 'sqlite' : 'postgres', database, spaces };
  },
});

export interface BackupMade extends BackupResult {
  /** Of the recovery key that opens it: whether its words were written down (or made elsewhere); `null`: none opens it. */
  readonly recovery: 'shown' | 'unshown' | null;
}

export const backupOperation = defineOperation({
  input: z.strictObject({ file: z.string().min(1).max(4096), to: z.array(z.string().max(4096)).max(16).default([]) }),
  async run(node, input, { progress, signal }): Promise<BackupMade> {
    for (const recipient of input.to)
      if (!node.deps.wrapping.isRecipient(recipient))
        throw new OperationFailure('usage', 'bad-recipient', `${JSON.stringify(recipient.slice(0, 80))} is no age recipient (age1…)`);
    const made = await writeBackup(node, input.file, input.to, { progress: (done, total) => progress(done, total, 'bytes'), signal });
    return { ...made, recovery: await recoveryOf(node, made.recipients) };
  },
});

/** Looked at after the backup: the words may be written down while it runs. */
async function recoveryOf(node: SatchelNode, recipients: readonly string[]): Promise<BackupMade['recovery']> {
  const opening = [...node.spaces.values()].find(({ replica }) => recipients.includes(replica.membership.recovery.recipient));
  if (opening === undefined) return null;
  return (await readRecoverySecret(node.home, opening.entry.space)) === null ? 'shown' : 'unshown';
}
