import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EMPTY_HEAD } from '../../src/core/log/record.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import { createSpace } from '../../src/core/replica/create-space.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { MemDatabase } from '../sources/mem-database.ts';
import { ask, Place } from './place.ts';

/** Ada and Bob work, share, keep and change their minds at random. */
let place: Place;
const databases: MemDatabase[] = [];
beforeEach(async () => {
  place = await Place.create();
});
afterEach(async () => {
  await place.dispose();
  for (const db of databases.splice(0)) db.close();
});

const PROJECTS = ['app', 'diary', 'garden'];
const TABLES = { observations: 'title', session_summaries: 'request', user_prompts: 'prompt_text' } as const;
type Table = keyof typeof TABLES;
const TABLE_NAMES = Object.keys(TABLES) as Table[];

interface Person {
  readonly name: string;
  readonly db: MemDatabase;
  node: SatchelNode;
}

/** What was written, where, and not deleted by anybody since. */
interface Written {
  readonly by: string;
  readonly table: Table;
  readonly text: string;
  readonly project: string;
}

function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

async function person(name: string): Promise<Person> {
  const folder = path.join(place.home(name), '.claude-mem');
  mkdirSync(folder, { recursive: true });
  const db = new MemDatabase(path.join(folder, 'claude-mem.db'), '13.25.3');
  databases.push(db);
  return { name, db, node: await place.start(name) };
}

async function team(ada: SatchelNode, bob: SatchelNode): Promise<void> {
  const { space, genesis } = await createSpace(ada.deps, 'sealed');
  await ada.local.append(space, EMPTY_HEAD, { records: [genesis], objects: [] });
  const open = await ada.addSpace({ space, name: 'team', remote: null, addedAt: 0, recoveryShown: true });
  const { machine } = bob.deps;
  const [own] = [...bob.spaces.values()];
  const member = { machine: machine.key.machine, recipient: machine.recipient, name: 'bob', role: 'writer' as const };
  await addMember(open.replica, ada.local, { ...member, account: own!.entry.space });
  await bob.addSpace({ space, name: 'team', remote: ada.descriptor(), addedAt: 0, recoveryShown: true });
}

const has = ({ db }: Person, { table, text }: Pick<Written, 'table' | 'text'>): boolean =>
  db.get(`SELECT 1 FROM ${table} WHERE ${TABLES[table]} = ?`, text) !== undefined;

async function settle(people: readonly Person[]): Promise<void> {
  for (let round = 0; round < 4; round += 1) for (const { node } of people) await ask(node, 'sync', {});
}

async function bodiesOf(node: SatchelNode, space: string): Promise<string> {
  const open = [...node.spaces.values()].find(({ entry }) => entry.name === space)!;
  const states = await open.replica.exclusive(() => open.replica.list({ kind: 'claude-mem' }));
  const bodies = await Promise.all(states.flatMap(({ content }) => (content === null ? [] : [open.replica.bodies.read(content)])));
  return bodies.map((body) => Buffer.from(body).toString()).join('\n');
}

async function rounds(seed: number, steps: number, changesMinds: boolean): Promise<{ people: Person[]; written: Written[] }> {
  const random = randomOf(seed);
  const [ada, bob] = [await person('ada'), await person('bob')];
  const people = [ada, bob];
  await team(ada.node, bob.node);
  const choose = (
    who: Person,
    project: string,
    to: { type: 'local' } | { type: 'personal' } | { type: 'space'; space: string },
  ): Promise<unknown> => ask(who.node, 'claude-mem-project-place', { project, to });
  await choose(ada, 'app', { type: 'space', space: 'team' });
  await choose(ada, 'diary', { type: 'local' });
  await choose(bob, 'app', { type: 'space', space: 'team' });
  let written: Written[] = [];
  const sessions: { readonly by: Person; readonly id: string; readonly project: string }[] = [];
  for (let step = 0; step < steps; step += 1) {
    const who = people[random(2)]!;
    const own = sessions.filter(({ by }) => by === who);
    const deed = own.length === 0 ? 0 : random(changesMinds ? 12 : 10);
    if (deed < 2) {
      const id = `${who.name}-${step}`;
      const project = PROJECTS[random(PROJECTS.length)]!;
      who.db.session(id, { project });
      sessions.push({ by: who, id, project });
    } else if (deed < 7) {
      const { id, project } = own[random(own.length)]!;
      const table = TABLE_NAMES[random(3)]!;
      const text = `${who.name} ${project} ${step}`;
      if (table === 'observations') who.db.observation(id, text, { project });
      else if (table === 'session_summaries') who.db.summary(id, text, { project, created_at_epoch: step });
      else who.db.prompt(id, step, text);
      written.push({ by: who.name, table, text, project });
    } else if (deed === 7) {
      const there = written.filter((each) => has(who, each));
      const gone = there[random(Math.max(1, there.length))];
      if (gone === undefined) continue;
      who.db.run(`DELETE FROM ${gone.table} WHERE ${TABLES[gone.table]} = ?`, gone.text);
      written = written.filter((each) => each !== gone);
    } else if (deed < 10) await ask(who.node, 'sync', {});
    else {
      const project = PROJECTS[random(PROJECTS.length)]!;
      const to = [{ type: 'local' }, { type: 'personal' }, { type: 'space', space: 'team' }] as const;
      await choose(who, project, to[random(3)]!);
    }
  }
  await settle(people);
  for (const { db } of people) db.check();
  return { people, written };
}

it.each([1])('what is shared is the same for both, and nothing else goes anywhere (seed %s)', async (seed) => {
  const { people, written } = await rounds(seed, 90, false);
  const [ada, bob] = people as [Person, Person];
  for (const each of written) {
    const isShared = each.project === 'app';
    expect([each, has(ada, each), has(bob, each)]).toEqual([each, isShared || each.by === 'ada', isShared || each.by === 'bob']);
  }
  const everywhere = [await bodiesOf(ada.node, 'personal'), await bodiesOf(ada.node, 'team'), await bodiesOf(bob.node, 'personal')];
  expect(everywhere.join('\n')).not.toContain('ada diary');
  expect(everywhere[1]).not.toMatch(/garden|bob diary/);
  expect(everywhere[0]).not.toContain('ada app');
  expect(everywhere[2]).not.toContain(' app ');
  expect(await bodiesOf(bob.node, 'team')).toBe(everywhere[1]);
});

it.each([3])('whatever is chosen in between, nobody loses what nobody deleted (seed %s)', async (seed) => {
  const { people, written } = await rounds(seed, 90, true);
  for (const each of written) {
    const writer = people.find(({ name }) => name === each.by)!;
    expect([each, has(writer, each)]).toEqual([each, true]);
  }
});
