import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runHere } from '../e2e/run-here.ts';
import { MnemeClientDouble } from './mneme-client.ts';
import { MnemePlace } from './mneme-place.ts';

let place: MnemePlace;
beforeAll(async () => {
  place = await MnemePlace.create();
});
afterAll(() => place.close());

const satchel = async (...words: string[]): Promise<string> => {
  const { code, stdout, stderr } = await runHere(words, place.place.home(place.machine));
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  return stdout;
};
const now = (): number => place.node.deps.clock.now();

async function session(client: MnemeClientDouble, work: () => void = () => undefined): Promise<void> {
  await client.pull();
  work();
  await client.push();
}

/** Two clients that are in sync on two facts; then the second one forgot the first and has a third. Returns the machine's client with the key that it has by then. */
async function inSync(project: string, key: string): Promise<{ readonly a: MnemeClientDouble; readonly b: MnemeClientDouble }> {
  const a = new MnemeClientDouble(place, project, { id: 'a', key, now });
  const b = new MnemeClientDouble(place, project, { id: 'b', key: place.token, now });
  await session(a, () => {
    a.remember('one');
    a.remember('two');
  });
  for (const client of [b, a, b]) await session(client);
  await session(b, () => {
    b.forget('one');
    b.remember('three');
  });
  return { a, b };
}

/** What both have in the end, where the first one's key is another now. */
async function afterwards(
  { a, b }: { readonly a: MnemeClientDouble; readonly b: MnemeClientDouble },
  project: string,
  key: string,
): Promise<string[][]> {
  const again = new MnemeClientDouble(place, project, { id: 'a', key, now });
  again.write('remembered.json', a.read('remembered.json'));
  for (const client of [again, b, again, b]) await session(client);
  return [again.known, b.known];
}

const keyOf = (): string => {
  const file = path.join(place.place.home(place.machine), '.claude-mneme', 'config.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { sync: { apiKey: string } }).sync.apiKey;
};

it('a machine that is connected again keeps its token', async () => {
  await satchel('mneme', 'connect');
  const key = keyOf();
  const clients = await inSync('again', key);
  const before = (await place.node.mneme.tokens.list()).length;
  await satchel('mneme', 'connect');
  expect([keyOf(), (await place.node.mneme.tokens.list()).length]).toEqual([key, before]);
  expect(await afterwards(clients, 'again', keyOf())).toEqual([
    ['three', 'two'],
    ['three', 'two'],
  ]);
});

it('a token that is made anew for a machine goes on from what that was shown', async () => {
  const make = async (): Promise<{ id: string; token: string }> =>
    (JSON.parse(await satchel('mneme', 'serve', '--name', 'desk', '--json')) as { token: { id: string; token: string } }).token;
  const first = await make();
  const clients = await inSync('anew', first.token);
  await satchel('mneme', 'serve', '--revoke', first.id);
  const second = await make();
  expect(second.id).not.toBe(first.id);
  expect(await afterwards(clients, 'anew', second.token)).toEqual([
    ['three', 'two'],
    ['three', 'two'],
  ]);
});
