import type { Content } from '../../src/core/content.ts';
import type { Replica } from '../../src/core/replica/replica.ts';
import { act, apply, scan } from './actions.ts';
import type { SimMachine } from './machine.ts';
import { inUnit, LINKS, NAMES, TARGETS, UNIT } from './names.ts';
import { meddle } from './user.ts';
import { BodyUnavailable } from '../../src/core/replica/workspace.ts';
import { noteTakenAway, placed, wordsIn } from './witness.ts';
import type { World } from './world.ts';

export async function edit(world: World, machine: SimMachine): Promise<void> {
  for (let left = 1 + world.random.below(3); left > 0; left -= 1) {
    machine.witness.byUser(() => world.trace.push(`${machine.name}: the user ${meddle(machine.disk, world.random, world.words)}`));
  }
  if (world.random.chance(0.6)) await act(machine, 'scan', () => scan(machine));
}

/** Many files in one go: one draft of many items, on which later ones stand. */
export async function burst(world: World, machine: SimMachine): Promise<void> {
  const { random, words, trace } = world;
  for (const name of NAMES) {
    if (random.chance(0.3)) continue;
    machine.witness.byUser(() => trace.push(`${machine.name}: the user ${meddle(machine.disk, random, words, name)}`));
  }
  await act(machine, 'scan', () => scan(machine));
}

/**
 * The user writes the unit, or removes it: whole, between two looks at it. Each stamp goes to the top or to the bottom of
 * what stands there, the same in all files: texts can be merged then, and the file that is no text cannot.
 */
export async function stampUnit({ random, words, trace }: World, { name, disk, witness }: SimMachine): Promise<void> {
  const stamp = random.chance(0.15) ? null : words.next();
  const atTop = random.chance(0.5);
  witness.byUser(() => {
    const there = disk.get(UNIT[0]);
    const lines = there?.type === 'file' ? Buffer.from(there.body).toString().split('\n') : ['top', 'a', 'b', 'c', 'bottom'];
    lines[atTop ? 0 : lines.length - 1] = stamp ?? '';
    for (const path of UNIT) {
      if (stamp === null) disk.remove(path);
      else disk.write(path, Buffer.from(lines.join('\n')));
    }
    trace.push(`${name}: the user ${stamp === null ? 'removes the unit' : `stamps the unit ${stamp}`}`);
  });
}

export async function makeLink({ random, trace }: World, { name, disk, witness }: SimMachine): Promise<void> {
  const at = LINKS[random.below(LINKS.length)] as string;
  const target = TARGETS[random.below(TARGETS.length)] as string;
  witness.byUser(() => {
    if (disk.get(at)?.type === 'folder') return;
    disk.remove(at);
    disk.link(at, target);
    trace.push(`${name}: the user links ${at} to ${target}`);
  });
}

/** Someone settles an open conflict: takes a sibling, or leaves what stands. */
export async function resolve({ random, trace }: World, { replica, name, witness }: SimMachine): Promise<void> {
  const open = await replica.siblings();
  const sibling = open[random.below(Math.max(1, open.length))];
  if (sibling === undefined) return;
  const { item } = sibling;
  const takes = random.chance(0.5) && !inUnit(item.name); // half a unit is nobody's wish
  trace.push(`${name}: ${item.name} is settled: ${takes ? 'the sibling' : 'what stands'}`);
  await replica.exclusive(async () => {
    await replica.settle();
    const held = (await replica.visible([item])).values().next().value?.content ?? null;
    const [left, right] = await Promise.all([held, sibling.content].map((content) => wordsHeld(replica, content)));
    for (const word of (takes ? left : right) ?? [])
      if (!(takes ? right : left)?.includes(word)) witness.removed.add(placed(item.name, word));
    const wishes = takes ? [{ item, base: held, ours: sibling.content, history: [] }] : [];
    const settled = { keeps: [], resolves: [{ type: 'resolve' as const, item, base: null, needs: [], siblings: [sibling.sibling] }] };
    await replica.draft(wishes, { message: '', writer: 'resolve' }, replica.newCommitId(), undefined, settled);
  });
}

/** Someone brings an old version back, as the command does it. */
export async function restore({ random, space, trace }: World, machine: SimMachine): Promise<void> {
  const { replica, name, witness } = machine;
  const history = await replica.deps.store.read((tx) => tx.items.historyByPosition(space, { limit: 100_000 }));
  const old = history.filter(({ item }) => !inUnit(item.name));
  const entry = old[random.below(Math.max(1, old.length))];
  if (entry === undefined) return;
  const { item, content } = entry;
  trace.push(`${name}: restores ${item.name} as it was at ${entry.position}${content === null ? ': deleted' : ''}`);
  const body = content === null ? new Uint8Array(0) : await readOld(replica, content);
  if (body === null) return;
  await replica.exclusive(async () => {
    await replica.settle();
    const held = (await replica.visible([item])).values().next().value?.content ?? null;
    await noteTakenAway(witness, replica, item, held, wordsIn(body));
    const note = { message: 'Restore', writer: 'restore' };
    await replica.draft([{ item, base: held, ours: content, history: [] }], note, replica.newCommitId());
  });
  if (random.chance(0.5)) await apply(machine);
}

/** `null`: the history lets it go. */
async function readOld(replica: Replica, content: Content): Promise<Uint8Array | null> {
  try {
    return await replica.bodies.read(content);
  } catch (error) {
    if (error instanceof BodyUnavailable && (error.reason === 'pruned' || error.reason === 'erased')) return null;
    throw error;
  }
}

async function wordsHeld(replica: Replica, content: Content | null): Promise<string[]> {
  return content === null ? [] : wordsIn(await replica.bodies.read(content));
}
