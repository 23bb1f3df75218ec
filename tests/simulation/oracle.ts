import type { Content } from '../../src/core/content.ts';
import type { ContentDigest, SpaceId } from '../../src/core/ids.ts';
import { listRelands } from '../../src/core/replica/reland.ts';
import { decodeCommit } from '../../src/core/log/commit-codec.ts';
import type { Store } from '../../src/core/ports/store.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { isTemporary } from '../../src/core/ports/files.ts';
import type { SimMachine } from './machine.ts';
import { Bodies } from '../../src/core/replica/bodies.ts';
import { expectOnlyDroppedMissing, expectViewsReadable } from './drops.ts';
import { expectForgeriesVoid } from './forgeries.ts';
import { inUnit, leadsOut, UNIT } from './names.ts';
import { wordsIn, type Captured } from './witness.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** All that a log makes, as texts. */
interface State {
  /** How far the log was read. */
  readonly cursor: string;
  readonly items: string;
  readonly siblings: string;
  /** `null` where the machine began with a checkpoint and has yet to fetch it. */
  readonly history: string | null;
}

/** By store, and what it was after so many writes: most machines are as they were when they were compared last. */
const states = new WeakMap<Store, { readonly writes: number; readonly state: State }>();

async function readState(store: Store, space: SpaceId): Promise<State> {
  const writes = store.writes?.();
  const known = states.get(store);
  if (known !== undefined && known.writes === writes) return known.state;
  const state = await store.read(async (tx): Promise<State> => {
    const isWhole = (await tx.documents.get('backfills', space)) === undefined;
    return {
      cursor: JSON.stringify(await tx.documents.get('cursors', space)),
      items: JSON.stringify(await tx.items.list(space, { limit: 100_000, deleted: true })),
      siblings: JSON.stringify(await tx.items.siblings(space)),
      history: isWhole ? JSON.stringify(await tx.items.historyByPosition(space, { limit: 100_000 })) : null,
    };
  });
  if (writes !== undefined) states.set(store, { writes, state });
  return state;
}

/** All that a log makes, as one text: items, history, siblings. */
export async function stateOf(store: Store, space: SpaceId): Promise<string> {
  return JSON.stringify(await readState(store, space));
}

/** Machines that read the same log are equal, but for history that one of them has yet to fetch. */
export async function expectEqualStates({ machines, space }: World): Promise<void> {
  const firsts = new Map<string, { readonly name: string; readonly text: string }>();
  for (const { name, store } of machines) {
    const { cursor, ...state } = await readState(store, space);
    for (const [part, text] of Object.entries(state)) {
      if (text === null) continue;
      const first = firsts.get(`${part} ${cursor}`);
      if (first === undefined) firsts.set(`${part} ${cursor}`, { name, text });
      else if (first.text !== text)
        throw new Violation(`${first.name} and ${name} read the same log and differ in ${part}: ${firstDifference(first.text, text)}`);
    }
  }
}

/** Whether a machine began with a checkpoint and has yet to fetch what came before it. */
export async function lacksHistory(store: Store, space: SpaceId): Promise<boolean> {
  return (await store.read((tx) => tx.documents.get('backfills', space))) !== undefined;
}

function firstDifference(a: string, b: string): string {
  const [left, right] = [linesOf(a), linesOf(b)];
  const at = left.findIndex((line, index) => line !== right[index]);
  return `line ${at}: ${left.slice(Math.max(0, at - 4), at + 2).join(' ')} | ${right.slice(Math.max(0, at - 4), at + 2).join(' ')}`;
}

function linesOf(json: string): string[] {
  return JSON.stringify(JSON.parse(json), null, 1).split('\n');
}

/** The home shows what the space holds, as far as its disk can. */
export async function expectHomeShown({ disk, keepsModes, name, replica, workspace }: SimMachine): Promise<void> {
  const views = await workspace.views();
  const live = new Map((await replica.list()).map((state) => [state.item.name, state]));
  for (const [key, { item, content }] of [...live.values()].map((state) => [`${state.item.kind}\0${state.item.name}`, state] as const)) {
    if ((views.get(key)?.notHere ?? null) !== null) continue;
    const entry = disk.get(item.name);
    if (entry?.type === 'link' && leadsOut(entry.target)) continue; // the user's own, and in its place nothing is put
    const body = await replica.bodies.read(content as Content);
    const isLink = content?.attributes['link'] === true;
    const there = entry?.type === 'file' && !isLink ? entry.body : entry?.type === 'link' && isLink ? Buffer.from(entry.target) : null;
    if (there === null || !Buffer.from(body).equals(there))
      throw new Violation(`${name}: ${item.name} is not in place: ${JSON.stringify(views.get(key))} on ${JSON.stringify(disk.paths())}`);
    const executable = ((disk.stat(item.name)?.mode ?? 0) & 0o100) !== 0;
    if (keepsModes && !isLink && executable !== (content?.attributes['mode'] !== undefined))
      throw new Violation(`${name}: ${item.name} has the wrong mode`);
  }
  for (const path of disk.paths()) {
    if (disk.get(path)?.type !== 'file') continue;
    if (isTemporary(path)) throw new Violation(`${name}: ${path} was left behind`);
    if (!live.has(path)) throw new Violation(`${name}: ${path} is on the disk and not in the space`);
  }
}

/**
 * A machine that joins last and replays everything must come to the same state, and there find every body that any
 * machine ever captured: as head, history or sibling of some item, whole, or as the beginning of a longer one.
 */
export async function expectEverythingKept(world: World): Promise<void> {
  const [owner] = world.machines as [SimMachine];
  const auditor = await world.addMachine();
  const { replica, deps, link } = auditor;
  await addMember(owner.replica, owner.link, {
    machine: replica.machine,
    recipient: deps.machine.recipient,
    role: 'reader',
    account: null,
    name: 'auditor',
  });
  await pull(replica, link);
  for (const [index, machine] of world.machines.entries()) if (world.member[index] === true) await pull(machine.replica, machine.link);
  if (replica.position !== owner.replica.position)
    throw new Violation(`the auditor stops at ${replica.position}: ${JSON.stringify(replica.stop)}`);
  await expectEqualStates(world);
  await expectForgeriesVoid(world);

  const reachable = await contentsOf(auditor.store, world.space);
  await expectOnlyDroppedMissing(world, auditor);
  for (const [index, machine] of world.machines.entries()) if (world.member[index] === true) await expectViewsReadable(world, machine);
  const archive = new Bodies({
    ...replica.deps,
    space: world.space,
    signer: replica.machine,
    objects: world.archive,
    keys: () => replica.keys,
    sharesContext: () => true,
    fetch: async () => new Map(),
    dropped: () => null,
    forms: (id) => [id],
  });
  for (const [index, machine] of world.machines.entries()) {
    // What fell with a restored home, and only a machine off the space holds, cannot land again.
    if (world.everRestored && world.member[index] !== true) continue;
    const drafted = await contentsOfDrafts(machine.store, world.space);
    // A commit that took another's body over waits until the other brings it again; what was pruned fell for good.
    const excused = new Set(await digestsWaiting(machine.store, world.space));
    if (world.everRestored) for (const digest of world.letGo) excused.add(digest);
    for (const captured of machine.witness.captured.values()) {
      if (reachable.has(captured.digest) || drafted.has(captured.digest) || excused.has(captured.digest)) continue;
      if ((await isBeginning(captured, reachable, archive)) || (await isBeginning(captured, drafted, machine.replica.bodies))) continue;
      throw new Violation(
        `${captured.machine}: a captured body of ${captured.name} (${captured.size} bytes, ${captured.digest.slice(0, 8)}) is lost`,
      );
    }
  }
}

/** A word that nobody took away stands in some item, or in an open conflict: no merge reverts what another wrote. */
export async function expectWordsKept(world: World): Promise<void> {
  const witnesses = world.machines.map(({ witness }) => witness);
  const wrote = new Set(witnesses.flatMap((witness) => [...witness.wrote]));
  const removed = new Set(witnesses.flatMap((witness) => [...witness.removed]));
  // Where a fork or a merge put a word, no user wrote it: whoever takes it away there means the one that was written.
  const movedAndRemoved = new Set([...removed].filter((place) => !wrote.has(place)).map(wordOf));
  const { replica } = world.machines[0] as SimMachine;
  const open = new Set<string>();
  for (const { content } of [...(await replica.list()), ...(await replica.siblings())]) {
    if (content !== null) for (const word of wordsIn(await replica.bodies.read(content))) open.add(word);
  }
  for (const [index, { name, witness }] of world.machines.entries()) {
    if (world.member[index] !== true) continue;
    const lost = [...witness.wrote].find((place) => !removed.has(place) && !movedAndRemoved.has(wordOf(place)) && !open.has(wordOf(place)));
    if (lost !== undefined) throw new Violation(`${name} wrote ${lost.replace('\0', ': ')}, nobody took it away, and it stands nowhere`);
  }
}

function wordOf(place: string): string {
  return place.slice(place.indexOf('\0') + 1);
}

async function contentsOf(store: Store, space: SpaceId): Promise<Map<string, Content>> {
  const contents = new Map<string, Content>();
  await store.read(async (tx) => {
    const history = await tx.items.historyByPosition(space, { limit: 100_000 });
    for (const { content } of history) if (content !== null) contents.set(content.digest, content);
  });
  return contents;
}

/** What a machine that was taken off the space can never send stays in its drafts. */
async function contentsOfDrafts(store: Store, space: SpaceId): Promise<Map<ContentDigest, Content>> {
  const contents = new Map<ContentDigest, Content>();
  for (const draft of await store.read((tx) => tx.drafts.list(space))) {
    const commit = decodeCommit(draft.bytes, draft.id, { objects: [], keyId: 0 });
    if (!commit.ok) throw new Violation(`a draft cannot be read: ${commit.error}`);
    for (const change of commit.value.changes) {
      const held = 'content' in change && change.content !== null ? [change.content] : [];
      for (const content of [...held, ...('history' in change ? change.history : [])]) contents.set(content.digest, content);
    }
  }
  return contents;
}

async function digestsWaiting(store: Store, space: SpaceId): Promise<ContentDigest[]> {
  const waiting = await store.read((tx) => listRelands(tx, space));
  return waiting.flatMap(({ reland }) =>
    reland.commit.changes.flatMap((change) => {
      const held = 'content' in change && change.content !== null ? [change.content] : [];
      return [...held, ...('history' in change ? change.history : [])].map(({ digest }) => digest);
    }),
  );
}

/** Looked for among all bodies that ever were, pruned and forgotten ones too. */
async function isBeginning(captured: Captured, reachable: ReadonlyMap<string, Content>, archive: Bodies): Promise<boolean> {
  for (const content of reachable.values()) {
    if (content.size < captured.size) continue;
    const body = await archive.read(content);
    if (archive.digestOf(body.subarray(0, captured.size), captured.attributes) === captured.digest) return true;
  }
  return false;
}

/** A unit is what one user wrote, in all its files, or is not there at all. */
export async function expectUnitsWhole({ machines, space }: World): Promise<void> {
  for (const { name, store } of machines) {
    const items = await store.read((tx) => tx.items.list(space, { limit: 100_000 }));
    const files = items.filter(({ item }) => inUnit(item.name));
    const digests = new Set(files.map(({ content }) => content?.digest));
    if (files.length > 0 && (files.length !== UNIT.length || digests.size > 1))
      throw new Violation(`${name}: the unit is torn: ${files.map((f) => `${f.item.name} ${f.content?.digest.slice(0, 8)}`).join(', ')}`);
  }
}
