import type { Content } from '../../core/content.ts';
import { itemKey, type Item } from '../../core/item.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import { findItem, findRevision } from '../find-item.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { OperationFailure } from './operation.ts';

/** A version of an item. */
export interface VersionAt {
  readonly item: Item;
  readonly revision: string | null;
  readonly base: string | null;
  /** Of the record that it came with. */
  readonly position: number;
  readonly content: Content | null;
  /** It was asked for by its revision, though as an item. */
  readonly isRevision?: boolean;
}

/** Longer ones are told from names by whoever asks. */
const SHORT_REVISION = /^[0-9a-f]{4,7}$/;

/** A revision, or what an item holds now. */
export async function versionAt(
  node: SatchelNode,
  open: OpenSpace,
  item: string | undefined,
  revision: string | undefined,
): Promise<VersionAt> {
  if (revision !== undefined) {
    const entry = await findRevision(node, open, revision);
    if (item !== undefined) {
      const wanted = await findItem(node, open, item);
      if (wanted.item.name !== entry.item.name)
        throw new OperationFailure('usage', 'other-item', `revision ${revision} is of ${entry.item.name}, not of ${item}`);
    }
    return entry;
  }
  if (item === undefined) throw new OperationFailure('usage', 'no-item', 'name an item or a revision', 'Run: satchel log');
  const state = await findItem(node, open, item).catch(async (error: unknown) => {
    // A short revision, which is a name only where something has it.
    if (!(error instanceof OperationFailure) || error.type !== 'no-item' || !SHORT_REVISION.test(item)) throw error;
    return findRevision(node, open, item).catch((failure: unknown) => {
      if (!(failure instanceof OperationFailure) || failure.type !== 'no-revision') throw failure;
      const message = `there is no item and no revision ${item} in ${open.entry.name}`;
      throw new OperationFailure('usage', 'no-item', message, 'Run: satchel log, where revisions stand before each change');
    });
  });
  if ('base' in state) return { ...state, isRevision: true };
  return {
    item: state.item,
    revision: open.replica.isDrafted(state.item) ? null : state.revision,
    base: null,
    position: state.position,
    content: state.content,
  };
}

/**
 * The version that another was made from; `null` where it was the first. A version that is only drafted was made from
 * what the log holds.
 */
export async function versionBefore(node: SatchelNode, open: OpenSpace, version: VersionAt): Promise<VersionAt | null> {
  const { space } = open.entry;
  return node.store.read(async (tx) => {
    const logged = version.revision === null ? (await tx.items.get(space, [version.item])).get(itemKey(version.item))?.revision : undefined;
    const own = version.revision === null ? [] : await tx.items.findRevision(space, version.revision);
    const before = logged ?? version.base ?? own[0]?.base ?? null;
    if (before === null) return null;
    const [entry] = await tx.items.findRevision(space, before);
    if (entry === undefined)
      throw new OperationFailure('failed', 'no-history', 'the history behind this version is not here yet', 'Run: satchel status');
    return entry;
  });
}

export async function readBody(open: OpenSpace, content: Content): Promise<Uint8Array> {
  try {
    return await open.replica.bodies.read(content);
  } catch (error) {
    if (!(error instanceof BodyUnavailable)) throw error;
    if (error.reason === 'pruned')
      throw new OperationFailure(
        'failed',
        'pruned',
        'this body was pruned on all machines (satchel store prune): nothing here brings it back',
        'A backup made before may have it, in an empty place: SATCHEL_HOME=DIR satchel store restore FILE',
      );
    if (error.reason === 'erased')
      throw new OperationFailure('failed', 'erased', 'this body was erased on all machines, for ever', 'What was erased: satchel forget');
    const kind = error.reason === 'offline' ? 'unreachable' : 'failed';
    throw new OperationFailure(kind, error.reason, `this body cannot be had now: ${error.message}`);
  }
}
