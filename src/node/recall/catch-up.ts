import { setImmediate as nextTurn } from 'node:timers/promises';
import { itemKey } from '../../core/item.ts';
import type { ItemState } from '../../core/ports/store.ts';
import type { HeldItem, IndexChange, TextIndex } from '../../core/ports/text-index.ts';
import { DRAFT_POSITION } from '../../core/replica/overlay.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import { readingOf } from '../../kinds/passages/reading-of.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { changedSince, currentState, NOTHING_HELD, readState } from './index-state.ts';
import { readChanges, type Wanted } from './read-changes.ts';
import { createOrigins } from './record-origins.ts';
import { createReach } from './reach.ts';

export interface CatchUpOptions {
  /** Bytes of bodies read, of those to be read. */
  readonly onProgress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

/** Written together, characters or items: so much is read again after an interruption. */
const BATCH = { text: 16 * 1024 * 1024, changes: 10_000 };
/** Items that are looked up together, before others run. */
const LOOKED_UP = 1_000;
/** Bodies that are brought here together where they are not. */
const FETCHED_TOGETHER = 512;

/**
 * Brings an index up to date with a space: what changed since the last time, or everything. Safe to interrupt at any point: what was
 * written is not read again. Answers how many items cannot be searched, since their bodies cannot be had now. Cost: a few
 * look-ups where nothing changed; O(bytes of what did).
 */
export async function catchUp(index: TextIndex, node: SatchelNode, open: OpenSpace, options: CatchUpOptions): Promise<number> {
  const { replica } = open;
  if ((await replica.head()) === null) return 0;
  const state = await readState(index, replica);
  const current = await currentState(replica);
  const changed = await changedSince(index, replica, state);
  if (changed?.length === 0 && state?.position === current.position && state.drop === current.drop) return 0;
  if (state === null) await index.write(replica.space, [], JSON.stringify({ ...NOTHING_HELD, drop: current.drop }));

  const states = changed ?? (await replica.list());
  const held =
    changed === null
      ? await index.held(replica.space)
      : await index.heldOf(
          replica.space,
          states.map(({ item }) => item),
        );
  const writer = createWriter(index, open);
  try {
    for (const item of vanished(held, states)) await writer.add({ type: 'remove', item }, 0);
    const wanted = await settle(node, open, states.filter(isSearched), held, writer);

    const reach = createReach(open);
    const total = wanted.reduce((sum, { content }) => sum + content.size, 0);
    let done = 0;
    for (let at = 0; at < wanted.length; at += FETCHED_TOGETHER) {
      const batch = wanted.slice(at, at + FETCHED_TOGETHER);
      await reach.bring(batch.map(({ content }) => content));
      for (const each of batch) {
        options.signal.throwIfAborted();
        options.onProgress(done, total);
        try {
          if (!(await reach.mayHave(each.content))) throw new BodyUnavailable('offline', 'it is not here');
          for await (const { change, text } of readChanges(replica.bodies, each)) await writer.add(change, text);
        } catch (error) {
          if (!(error instanceof BodyUnavailable)) throw error;
          await writer.add(missing(each), 0);
        }
        done += each.content.size;
      }
    }
    await writer.end(JSON.stringify(current));
  } finally {
    await writer.ended();
  }
  return (await index.unsettled(replica.space)).filter(({ digest }) => digest === null).length;
}

function isSearched({ item, content }: ItemState): boolean {
  return content !== null && content.attributes['link'] !== true && readingOf(item) !== null;
}

/** What is held and is not there any more. */
function vanished(held: ReadonlyMap<string, HeldItem>, states: readonly ItemState[]): HeldItem['item'][] {
  const there = new Set(states.filter(isSearched).map(({ item }) => itemKey(item)));
  return [...held].filter(([key]) => !there.has(key)).map(([, { item }]) => item);
}

/** Writes down what needs no body, and answers the rest, in an order in which bodies that lie together are read together. */
async function settle(
  node: SatchelNode,
  open: OpenSpace,
  states: readonly ItemState[],
  held: ReadonlyMap<string, HeldItem>,
  writer: Writer,
): Promise<Wanted[]> {
  const originsOf = createOrigins(node, open);
  const wanted: Wanted[] = [];
  for (let at = 0; at < states.length; at += LOOKED_UP) {
    const part = states.slice(at, at + LOOKED_UP);
    const origins = await originsOf(part);
    for (const { item, content, position } of part) {
      const key = itemKey(item);
      const before = held.get(key) ?? null;
      const origin = origins.get(key);
      if (content === null || origin === undefined) continue;
      const isUnsettled = position === DRAFT_POSITION;
      if (before?.digest !== content.digest) wanted.push({ item, content, before, origin, isUnsettled });
      else if (before.machine !== origin.machine || before.changed !== origin.changed || before.isUnsettled !== isUnsettled)
        await writer.add({ type: 'put', held: { ...before, ...origin, isUnsettled }, keep: before.passages, passages: [] }, 0);
    }
    await nextTurn();
  }
  const placeOf = ({ content }: Wanted): [string, number] => [content.pieces[0]?.object ?? '', content.pieces[0]?.offset ?? 0];
  return wanted
    .map((each) => [each, placeOf(each)] as const)
    .sort(([, [a, i]], [, [b, j]]) => (a < b ? -1 : a > b ? 1 : i - j))
    .map(([each]) => each);
}

/** Nothing of it can be found, and it is tried again. */
function missing({ item, before, origin }: Wanted): IndexChange {
  const kept = before === null ? { bytes: 0, prefix: '' } : { bytes: before.bytes, prefix: before.prefix };
  return { type: 'put', held: { item, digest: null, ...kept, ...origin, isUnsettled: true }, keep: before?.passages ?? 0, passages: [] };
}

interface Writer {
  add(change: IndexChange, text: number): Promise<void>;
  end(mark: string): Promise<void>;
  /** Resolves when nothing is being written any more, whatever became of it. */
  ended(): Promise<void>;
}

/** Writes in batches, one behind the other, while the next one is made. */

function createWriter(index: TextIndex, { replica: { space } }: OpenSpace): Writer {
  let [changes, size]: [IndexChange[], number] = [[], 0];
  let written: Promise<void> = Promise.resolve();
  const flush = async (mark?: string): Promise<void> => {
    const batch = changes;
    [changes, size] = [[], 0];
    await written;
    written = index.write(space, batch, mark);
    written.catch(() => undefined); // thrown where it is waited for
  };
  return {
    async add(change, text) {
      changes.push(change);
      size += text;
      if (size >= BATCH.text || changes.length >= BATCH.changes) await flush();
    },
    async end(mark) {
      await flush(mark);
      await written;
    },
    ended: () => written.catch(() => undefined),
  };
}
