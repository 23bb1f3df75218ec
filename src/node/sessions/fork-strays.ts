import type { Content } from '../../core/content.ts';
import type { ItemState } from '../../core/ports/store.ts';
import { itemKey, type Item } from '../../core/item.ts';
import { remembered } from '../../core/replica/remembered.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { withSession } from '../../kinds/claude-home/session-name.ts';
import { transcriptKind } from '../../kinds/jsonl/transcript.ts';
import { forksNoted, type NotedFork } from '../../sources/claude-home/place-book.ts';
import { itemVersions } from '../item-versions.ts';
import { createRecordWriters, type RecordWriters } from '../record-writers.ts';

/** What the fork does not have by then was taken away from it; the next start looks once more. */
const WAIT_MS = 3_600_000;

type Fork = NotedFork & { readonly session: string };

/**
 * Puts in order what a session left behind that went on here and elsewhere. What this machine captured of it before it knew of
 * that stands under the id that is the other's now, and once more under the fork's. It leaves the other where nobody else ever
 * wrote it, the other had not seen it, and the fork has it in the very same bytes. Asked after each sync: costs nothing where no
 * session was forked here since, else O(what is tied to it).
 */
export function createForkStrays(replica: Replica): () => Promise<void> {
  const { store, clock } = replica.deps;
  const collection = forksNoted(replica.space);
  const writers = createRecordWriters(replica);
  const noted = remembered(store, () => store.read((tx) => tx.documents.list<NotedFork>(collection)), `documents in ${collection}`);
  const since = new Map<string, number>();
  return async () => {
    const forks = await noted();
    if (forks.length === 0 || !replica.canWrite) return;
    for (const { id: session, value } of forks) {
      const first = since.get(session) ?? clock.now();
      since.set(session, first);
      if (Math.abs(clock.now() - first) > WAIT_MS) continue;
      const { strays, isDone } = await straysOf(replica, writers, { session, ...value });
      if (strays.length > 0) await remove(replica, strays);
      if (isDone) await store.write((tx) => tx.documents.remove(collection, session));
    }
  };
}

/** Done where nothing has to wait until the fork has it. */
async function straysOf(replica: Replica, writers: RecordWriters, fork: Fork): Promise<{ strays: ItemState[]; isDone: boolean }> {
  const from = await goneOnAt(replica, writers, fork);
  if (from === null) return { strays: [], isDone: true };
  const added: ItemState[] = [];
  for (const state of await tiedTo(replica, fork)) if (await isOwnSince(replica, writers, state.item, from)) added.push(state);
  const twins = await replica.visible(added.map(({ item }) => twinOf(item, fork)));
  const hasTwin = ({ item, content }: ItemState): boolean => twins.get(itemKey(twinOf(item, fork)))?.content?.digest === content?.digest;
  const strays = added.filter(hasTwin);
  return { strays, isDone: strays.length === added.length };
}

function twinOf({ kind, name }: Item, { session, fork }: Fork): Item {
  return { kind, name: withSession(name, session, fork) };
}

/** Where others went on with the session behind what this machine had of it; `null`: that cannot be told. */
async function goneOnAt(replica: Replica, writers: RecordWriters, { project, session }: Fork): Promise<number | null> {
  const item = { kind: transcriptKind.id, name: `projects/${project}/${session}.jsonl` };
  const { versions, isWhole } = await itemVersions(replica, item);
  let at: number | null = null;
  for (const { position } of versions) {
    const writer = await writers.at(position);
    if (writer === null) return null;
    if (writer === replica.machine) return at;
    at = position;
  }
  return isWhole ? at : null;
}

async function tiedTo(replica: Replica, { project, session }: Fork): Promise<ItemState[]> {
  const prefixes = [`projects/${project}/${session}/`, `todos/${session}-`, `tasks/${session}/`, `file-history/${session}/`];
  const found: ItemState[] = [];
  for (const prefix of prefixes) found.push(...(await replica.list({ prefix })));
  return found.filter(({ content }) => content !== null);
}

async function isOwnSince(replica: Replica, writers: RecordWriters, item: Item, from: number): Promise<boolean> {
  const { versions, isWhole } = await itemVersions(replica, item);
  if (!isWhole) return false;
  for (const { position } of versions) if (position <= from || (await writers.at(position)) !== replica.machine) return false;
  return true;
}

async function remove(replica: Replica, strays: readonly ItemState[]): Promise<void> {
  const wishes = strays.map(({ item, content }) => ({ item, base: content as Content, ours: null, history: [] }));
  const note = { message: 'what went along with a session that went on in two places', writer: 'projects' };
  await replica.exclusive(() => replica.draft(wishes, note, replica.newCommitId()));
}
