import { itemKey, type Item } from '../../src/core/item.ts';
import { forget, planForget, type ForgetTarget } from '../../src/core/replica/forget.ts';
import { backfill, writeCheckpoint } from '../../src/core/replica/late-join.ts';
import { prune } from '../../src/core/replica/prune.ts';
import { apply, sync } from './actions.ts';
import type { SimMachine } from './machine.ts';
import { inUnit } from './names.ts';
import { Violation } from './violation.ts';
import { noteTakenAway } from './witness.ts';
import type { World } from './world.ts';

const HOUR = 3_600_000;

/** An owner lets superseded bodies go. */
export async function pruneSome(world: World, machine: SimMachine): Promise<void> {
  const { random, character, trace } = world;
  const olderThan = random.chance(0.6) ? 0 : (1 + random.below(40)) * HOUR;
  if (random.chance(0.3)) world.passTime(random.below(48) * HOUR);
  await machine.run('prune', async () => {
    const { objects } = await prune(machine.replica, machine.link, { olderThan, keep: character.keep });
    trace.push(`${machine.name}: prunes ${objects.length} objects older than ${olderThan} ms`);
  });
  await noteLetGo(world, machine);
}

/** An owner forgets an item or two, or one old body: as the command does it. */
export async function forgetSome(world: World, machine: SimMachine): Promise<void> {
  await machine.run('forget', async () => {
    const target = await chooseTarget(world, machine);
    if (target === null) return;
    await sync(machine);
    if (target.digest === undefined) await deleteItems(machine, target.items);
    await sync(machine);
    world.forgets.push(target);
    const record = await forget(machine.replica, machine.link, target);
    const names = target.items.map((item) => item.name).join(', ');
    world.trace.push(
      `${machine.name}: forgets ${target.digest?.slice(0, 8) ?? 'all'} of ${names} at ${record?.header.position ?? 'no record'}`,
    );
    if (world.random.chance(0.5)) await apply(machine);
  });
  await noteLetGo(world, machine);
}

async function noteLetGo({ letGo, space }: World, { hasLog, store, replica }: SimMachine): Promise<void> {
  if (!hasLog) return;
  const history = await store.read((tx) => tx.items.historyByPosition(space, { limit: 100_000 }));
  for (const { content } of history)
    if (content?.pieces.some(({ object }) => replica.droppedObject(object) !== null) === true) letGo.add(content.digest);
}

async function chooseTarget({ random, space }: World, { replica }: SimMachine): Promise<ForgetTarget | null> {
  const history = await replica.deps.store.read((tx) => tx.items.historyByPosition(space, { limit: 100_000 }));
  const entries = history.filter((entry) => entry.content !== null && !inUnit(entry.item.name));
  const entry = entries[random.below(Math.max(1, entries.length))];
  if (entry?.content == null) return null;
  let target: ForgetTarget = {
    items: [entry.item],
    reason: 'it was asked for',
    ...(random.chance(0.4) ? { digest: entry.content.digest } : {}),
  };
  // Where others hold the very same bytes, the command says that they must be forgotten together.
  for (;;) {
    const { sharedWith, current } = await planForget(replica, target);
    if (target.digest !== undefined && current.length + sharedWith.length > 0) return null;
    if (sharedWith.some((item) => inUnit(item.name))) return null;
    if (sharedWith.length === 0) return target;
    target = { ...target, items: [...target.items, ...sharedWith] };
  }
}

/** Nothing current may point to what is erased. */
async function deleteItems(machine: SimMachine, items: readonly Item[]): Promise<void> {
  const { replica, witness } = machine;
  await replica.exclusive(async () => {
    await replica.settle();
    const states = await replica.visible(items);
    const siblings = (await replica.siblings()).filter((s) => items.some((item) => itemKey(item) === itemKey(s.item)));
    for (const state of [...states.values(), ...siblings]) await noteTakenAway(witness, replica, state.item, state.content);
    const wishes = items.flatMap((item) => {
      const base = states.get(itemKey(item))?.content ?? null;
      return base === null ? [] : [{ item, base, ours: null, history: [] }];
    });
    const resolves = items.flatMap((item) => {
      const own = siblings.filter((s) => itemKey(s.item) === itemKey(item)).map((s) => s.sibling);
      return own.length === 0 ? [] : [{ type: 'resolve' as const, item, base: null, needs: [], siblings: own }];
    });
    if (wishes.length + resolves.length === 0) return;
    await replica.draft(wishes, { message: 'Forget', writer: 'forget' }, replica.newCommitId(), undefined, { keeps: [], resolves });
  });
}

/** For who joins late. */
export async function checkpoint({ trace }: World, machine: SimMachine): Promise<void> {
  await machine.run('checkpoint', async () => {
    const isWritten = await writeCheckpoint(machine.replica, machine.link);
    trace.push(`${machine.name}: ${isWritten ? `writes a checkpoint at ${machine.replica.position}` : 'cannot write a checkpoint'}`);
  });
}

/** The history behind a checkpoint, a page at a time. True where something came. */
export async function fetchHistory(world: World, machine: SimMachine): Promise<boolean> {
  const result = await backfill(machine.replica, machine.link);
  if (result === 'nothing') return false;
  world.trace.push(`${machine.name}: history: ${result}`);
  if (result === 'diverged') {
    if (!world.everRestored) throw new Violation(`${machine.name}: the home shows another history, and was never restored`);
    return false; // the next sync follows
  }
  if (result === 'mismatch') throw new Violation(`${machine.name}: the checkpoint was wrong, and nobody lied`);
  return true;
}
