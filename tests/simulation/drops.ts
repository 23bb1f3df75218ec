import type { Content } from '../../src/core/content.ts';
import type { ObjectId } from '../../src/core/ids.ts';
import { itemKey } from '../../src/core/item.ts';
import { decodeControl, type ControlPayload } from '../../src/core/log/control.ts';
import { decodeRecord } from '../../src/core/log/record.ts';
import type { HistoryEntry } from '../../src/core/ports/store.ts';
import { BodyUnavailable } from '../../src/core/replica/workspace.ts';
import type { SimMachine } from './machine.ts';
import { Violation } from './violation.ts';
import type { SimPlace } from './places.ts';
import type { World } from './world.ts';

type Drop = { readonly position: number; readonly payload: Extract<ControlPayload, { op: 'prune' | 'erase' }> };

interface Log {
  readonly drops: readonly Drop[];
  readonly history: readonly HistoryEntry[];
  /** Heads and open siblings. */
  readonly live: readonly Content[];
  /** By object: the last record whose header names it. */
  readonly lastNamed: ReadonlyMap<ObjectId, number>;
}

/**
 * What cannot be read any more was to be forgotten, or superseded so often that the policy let it go; what is current
 * can be read; and what was erased is nowhere.
 */
export async function expectOnlyDroppedMissing(world: World, auditor: SimMachine): Promise<void> {
  const log = await readLog(world, auditor);
  const { replica } = auditor;
  for (const content of log.live) await replica.bodies.read(content);
  for (const entry of log.history) {
    if (entry.content === null) continue;
    const reason = await whyUnreadable(auditor, entry.content);
    if (reason === 'pruned') expectPrunable(world, log, entry);
    else if (reason === 'erased') expectForgotten(world, log, entry);
    else if (reason !== null) throw new Violation(`a body of ${entry.item.name} at ${entry.position} is ${reason}`);
  }
  await expectErasedIsGone(world, auditor, log);
}

/** What a machine's home shows stays readable there: it is what its next edit is merged from. */
export async function expectViewsReadable(world: World, machine: SimMachine): Promise<void> {
  const { drops, history } = await readLog(world, machine);
  for (const { item, shown } of (await machine.workspace.views()).values()) {
    const reason = shown === null ? null : await whyUnreadable(machine, shown);
    // The key of an epoch that fell with a home is nobody's any more: what is made from it is kept beside the rest.
    if (reason === 'no-key' && world.everRestored) continue;
    if (reason === 'pruned' && isCut(drops, shown)) continue;
    if (reason !== null && reason !== 'erased') throw new Violation(`${machine.name}: what ${item.name} shows is ${reason}`);
    // A fork has under its own name what was written under this one; it may be forgotten there.
    const names = new Set(history.flatMap(({ item: other, content }) => (content?.digest === shown?.digest ? [itemKey(other)] : [])));
    names.add(itemKey(item));
    const isForgotten = world.forgets.some(({ items }) => items.some((other) => names.has(itemKey(other))));
    // An object of which all was pruned goes as a whole where a part of it is forgotten.
    const isMeant = isForgotten || isPruned(drops, shown);
    if (reason === 'erased' && !isMeant) throw new Violation(`${machine.name}: what ${item.name} shows is erased, and nobody forgot it`);
  }
}

async function whyUnreadable({ replica }: SimMachine, content: Content): Promise<BodyUnavailable['reason'] | null> {
  try {
    await replica.bodies.read(content);
    return null;
  } catch (error) {
    if (error instanceof BodyUnavailable) return error.reason;
    throw error;
  }
}

/** Every body that lay in one of the objects was, when a prune record named it, past the newest that stay of its item. */
function expectPrunable({ character }: World, { drops, history }: Log, lost: HistoryEntry): void {
  const objects = standingFor(drops, lost.content);
  const records = drops.filter(({ payload }) => payload.op === 'prune' && payload.objects.some((id) => objects.has(id)));
  if (records.length === 0) throw new Violation(`a body of ${lost.item.name} is pruned, and no record says so`);
  for (const { position, payload } of records) {
    const named = new Set(payload.objects.filter((id) => objects.has(id)));
    for (const entry of history) {
      if (entry.position >= position || !isVersion(entry) || ![...standingFor(drops, entry.content)].some((id) => named.has(id))) continue;
      const newer = history.filter((e) => isVersion(e) && itemKey(e.item) === itemKey(entry.item) && isBetween(e, entry, position));
      const bodies = newer.filter(({ content }) => content !== null).length;
      if (newer.length === 0 || bodies < character.keep)
        throw new Violation(`${entry.item.name} at ${entry.position} was pruned at ${position}, with ${bodies} newer bodies`);
    }
  }
}

/** The objects of a body, and those that erase records put in their place. */
function standingFor(drops: readonly Drop[], content: Content | null): Set<ObjectId> {
  const objects = new Set(content?.pieces.map((piece) => piece.object));
  for (const { payload } of drops)
    if (payload.op === 'erase') for (const { from, to } of payload.replaced) if (objects.has(from)) objects.add(to);
  return objects;
}

function isVersion({ type }: HistoryEntry): boolean {
  return type === 'put' || type === 'append' || type === 'delete';
}

function isBetween(entry: HistoryEntry, after: HistoryEntry, before: number): boolean {
  if (entry.position >= before || entry.position < after.position) return false;
  return entry.position > after.position || entry.index > after.index;
}

/**
 * Whether something was forgotten of an object that a body lies in, and what stands for it was pruned: who hears of both
 * at once may not keep the one, and can get the other nowhere. What is made from such a body is kept beside the rest.
 */
function isCut(drops: readonly Drop[], content: Content | null): boolean {
  const named = new Set(content?.pieces.map((piece) => piece.object));
  const cuts = drops.flatMap(({ payload }) => (payload.op === 'erase' ? payload.replaced.filter(({ from }) => named.has(from)) : []));
  return drops.some(({ payload }) => payload.op === 'prune' && cuts.some(({ to }) => payload.objects.includes(to)));
}

function isPruned(drops: readonly Drop[], content: Content | null): boolean {
  const objects = standingFor(drops, content);
  return drops.some(({ payload }) => payload.op === 'prune' && payload.objects.some((id) => objects.has(id)));
}

function expectForgotten({ forgets }: World, { drops }: Log, lost: HistoryEntry): void {
  const objects = standingFor(drops, lost.content);
  const isMeant = forgets.some(
    ({ items, digest }) =>
      items.some((item) => itemKey(item) === itemKey(lost.item)) && (digest === undefined || digest === lost.content?.digest),
  );
  // What shares an object with it, and was pruned with it before, goes with it.
  if (!isMeant && !isPruned(drops, lost.content))
    throw new Violation(`${lost.item.name} at ${lost.position} is erased, and nobody forgot it`);
  const says = drops.some(({ payload }) => payload.op === 'erase' && erasedBy(payload).some((id) => objects.has(id)));
  if (!says) throw new Violation(`${lost.item.name} at ${lost.position} is erased, and no record says so`);
}

/** No disk of a member and no home holds what an erase record took, unless a later record brought it again. */
async function expectErasedIsGone(world: World, auditor: SimMachine, { drops, live, lastNamed }: Log): Promise<void> {
  const used = new Set(live.flatMap(({ pieces }) => pieces.map((piece) => auditor.replica.replacementOf(piece.object))));
  const [owner] = world.machines as [SimMachine];
  type Holds = (ids: readonly ObjectId[]) => Promise<Iterable<ObjectId>>;
  const home = world.places.get(owner.home) as SimPlace;
  const disks: [string, Holds][] = [[owner.home, (ids) => home.holds(world.space, ids)]];
  for (const [index, { name, objects }] of world.machines.entries())
    if (world.member[index] === true) disks.push([name, (ids) => objects.has(world.space, ids)]);
  for (const { position, payload } of drops) {
    const gone = (payload.op === 'prune' ? payload.objects : erasedBy(payload)).filter(
      (id) => !used.has(id) && (lastNamed.get(id) ?? -1) < position,
    );
    for (const [name, holds] of payload.op === 'prune' ? disks.slice(0, 1) : disks) {
      const [there] = await holds(gone);
      if (there !== undefined)
        throw new Violation(`${name} still has object ${there.slice(0, 8)}, which record ${position} ${payload.op}s`);
    }
  }
}

function erasedBy(payload: Extract<ControlPayload, { op: 'erase' }>): ObjectId[] {
  return [...payload.objects, ...payload.replaced.map((pair) => pair.from)];
}

async function readLog({ space }: World, { store }: SimMachine): Promise<Log> {
  return store.read(async (tx) => {
    const drops: Drop[] = [];
    const lastNamed = new Map<ObjectId, number>();
    for (const row of await tx.logs.read(space, 0, { records: 100_000, bytes: Number.MAX_SAFE_INTEGER })) {
      const record = decodeRecord(row.bytes);
      if (!record.ok) throw new Violation(`record ${row.position} cannot be read`);
      const isVoid = (await tx.documents.get(`voids/${space}`, String(row.position))) !== undefined;
      for (const id of record.value.header.objects) lastNamed.set(id, row.position);
      const payload = row.type === 'control' && !isVoid ? decodeControl(record.value.body) : null;
      if (payload?.ok === true && (payload.value.op === 'prune' || payload.value.op === 'erase'))
        drops.push({ position: row.position, payload: payload.value });
    }
    const items = await tx.items.list(space, { limit: 100_000 });
    const live = [...items, ...(await tx.items.siblings(space))].flatMap(({ content }) => (content === null ? [] : [content]));
    const newestFirst = await tx.items.historyByPosition(space, { limit: 100_000 });
    return { drops, live, lastNamed, history: newestFirst.toReversed() };
  });
}
