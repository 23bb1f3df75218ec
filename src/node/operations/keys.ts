import { z } from 'zod';
import { isHex32, type SpaceId } from '../../core/ids.ts';
import { parseJoinLink, type RemoteDescriptor } from '../../core/joining/link.ts';
import { keyWords, wordsToSecret } from '../../core/joining/words.ts';
import { currentEpoch, isOwner } from '../../core/log/membership.ts';
import { replaceRecoveryKey } from '../../core/replica/recover.ts';
import { createRecoveryKey, RECOVERY_SECRET_BYTES } from '../../core/replica/recovery-key.ts';
import { parseRemoteAddress } from '../../remotes/drivers.ts';
import { discoverHub } from '../../remotes/hub/discover-hub.ts';
import { findSpace } from '../find-space.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { recoverSpaces } from '../recover-spaces.ts';
import { forgetRecoverySecret, keepRecoverySecret, readRecoverySecret } from '../recovery-file.ts';
import { putSpace } from '../space-registry.ts';
import { spaceField } from './fields.ts';
import { noInput } from './no-input.ts';
import { countPending } from '../pending/count-pending.ts';
import type { LeftBehind } from '../step-aside.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface KeysResult {
  readonly machine: { readonly name: string; readonly id: string; readonly words: string };
  readonly spaces: readonly {
    readonly space: string;
    readonly name: string;
    readonly epoch: number;
    readonly holds_key: boolean;
    /** `unshown`: its words wait here to be written down; `shown`: they were, or were made on another machine. */
    readonly recovery: 'unshown' | 'shown';
    readonly recovery_id: string;
  }[];
}

/** Fingerprints and states; never a secret. */
export const keysOperation = defineOperation({
  input: noInput,
  async run(node): Promise<KeysResult> {
    const { key, name } = node.deps.machine;
    const spaces = [];
    for (const { entry, replica } of node.spaces.values()) {
      if ((await replica.head()) === null) continue;
      spaces.push({
        space: entry.space,
        name: entry.name,
        epoch: currentEpoch(replica.membership).number,
        holds_key: replica.canWrite,
        recovery: (await readRecoverySecret(node.home, entry.space)) === null ? ('shown' as const) : ('unshown' as const),
        recovery_id: replica.membership.recovery.signer,
      });
    }
    return { machine: { name, id: key.machine, words: keyWords(key.machine) }, spaces };
  },
});

/**
 * Gets a recovery key ready to be shown: the secret itself stays in its 0600 file, which the command reads. `replace`
 * makes a new one, after which the old words open nothing.
 */
export const prepareRecoveryOperation = defineOperation({
  input: z.strictObject({ space: spaceField.optional(), replace: z.boolean().default(false) }),
  async run(
    node,
    { space, replace },
  ): Promise<{ readonly space: string; readonly name: string; readonly ready: boolean; readonly replaced: boolean }> {
    const open = findSpace(node, space);
    const { entry, replica } = open;
    if (replace && !isOwner(replica.membership, node.deps.machine.key.machine))
      throw new OperationFailure('refused', 'not-owner', 'only an owner of the space may replace its recovery key');
    const finished = await finishReplacement(node, open);
    if (replace && !finished) {
      await keepRecoverySecret(node.home, entry.space, node.deps.random.bytes(RECOVERY_SECRET_BYTES), 'next');
      await finishReplacement(node, open);
    }
    const waiting = await readRecoverySecret(node.home, entry.space);
    return { space: entry.space, name: entry.name, ready: waiting !== null, replaced: replace || finished };
  },
});

/** Goes on with a replacement that was begun, here or before an interruption: in the log first, then in its place. */
async function finishReplacement(node: SatchelNode, { entry, replica, runner }: OpenSpace): Promise<boolean> {
  const next = await readRecoverySecret(node.home, entry.space, 'next');
  if (next === null) return false;
  await replaceRecoveryKey(replica, await runner.connected(), next);
  await keepRecoverySecret(node.home, entry.space, next);
  await forgetRecoverySecret(node.home, entry.space, 'next');
  return true;
}

/** The person proved to have the words: this machine forgets them. */
export const recoveryShownOperation = defineOperation({
  input: z.strictObject({ space: spaceField }),
  async run(node, { space }): Promise<{ readonly space: string }> {
    const { entry } = findSpace(node, space);
    await putSpace(node.store, { ...entry, recoveryShown: true });
    await forgetRecoverySecret(node.home, entry.space);
    return { space: entry.space };
  },
});

export interface RecoverResult {
  readonly recovered: readonly {
    readonly space: string;
    readonly name: string;
    readonly items: number;
    readonly position: number;
    /** What this machine is called there: its own name, with a number behind it where that was taken. */
    readonly machine: string;
    readonly other_machines: readonly string[];
    /** Where its log is kept: what was asked, or where that said that it moved. `null`: here. */
    readonly remote: string | null;
    /** Where the log that was asked was an old copy: which of its records says that the space moved away. */
    readonly moved_with_record: number | null;
  }[];
  readonly remote: string;
  /** What waits for an answer before it is put in place. */
  readonly pending: number;
  /** The space that this machine shared with others, and that its folders left for the recovered one. */
  readonly left_behind: LeftBehind | null;
  /** The node that did it goes on by itself. */
  readonly running: boolean;
}

/** Instead of an address: spaces whose logs are ordered in this store itself, as one that was restored. */
const HERE = 'here';

export const recoverOperation = defineOperation({
  input: z.strictObject({
    at: z.string().min(1).max(8192).superRefine(checkAddress),
    words: z.string().max(2048),
    space: z
      .string()
      .refine(isHex32, 'a space’s id is 64 characters of 0-9 a-f; without it all that the key opens is recovered')
      .optional(),
    lost: z.boolean().default(false),
  }),
  async run(node, { at, words, space, lost }, { say, progress }): Promise<RecoverResult> {
    if (node.config.hub) throw new OperationFailure('refused', 'is-hub', 'this node is a hub: recover on a machine of your own');
    const secret = wordsToSecret(words, 24);
    if (!secret.ok) throw new OperationFailure('usage', 'bad-words', secret.error, 'Read them again from where you wrote them down');
    const recovery = await createRecoveryKey(secret.value, node.deps.wrapping);
    const remote = at === HERE ? null : await describe(at);
    const wish = { recovery, remote, space: (space ?? null) as SpaceId | null, lost };
    const { recovered, behind } = await recoverSpaces(node, wish, { say, progress });
    let pending = 0;
    for (const { space: id } of recovered) {
      const open = node.spaces.get(id);
      if (open !== undefined) pending += await countPending(node, open);
    }
    return { recovered, remote: remote?.address ?? HERE, pending, left_behind: behind, running: node.isLive };
  },
});

/** Nothing is known of the hub but its address: the log proves itself (core/replica/recover.ts), so whoever answers will do. */
async function describe(at: string): Promise<RemoteDescriptor> {
  const link = at.includes('#') ? parseJoinLink(at) : null;
  if (link?.ok === true) return link.value.remote;
  const address = parseRemoteAddress(at);
  if (!address.ok) throw new OperationFailure('usage', 'bad-address', address.error);
  return address.value.driver === 'hub' ? discoverHub(address.value.url) : { address: address.value.text };
}

/** Before anything is opened for it. */
function checkAddress(at: string, context: z.RefinementCtx): void {
  const parsed = at.includes('#') ? parseJoinLink(at) : parseRemoteAddress(at);
  if (at !== HERE && !parsed.ok) context.addIssue({ code: 'custom', message: parsed.error });
}
