import { mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { MnemePlace } from '../gateways/mneme-place.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

/** A checkout to work in, with its links resolved. */
async function checkout(machine: string, name: string): Promise<string> {
  const folder = path.join(place.home(machine), name);
  await mkdir(path.join(folder, '.git'), { recursive: true });
  await writeFile(path.join(folder, '.git', 'config'), '[remote "origin"]\n\turl = git@github.com:acme/app.git\n');
  return realpath(folder);
}

const idOf = (folder: string): string => folder.replaceAll('/', '-');

/** One machine's client syncs through its own node's gateway; on the other one the node captures the files. */
async function twoWays(): Promise<{ gateway: MnemePlace; b: SatchelNode; id: string; file: (name: string) => string }> {
  const gateway = await MnemePlace.create({ machine: 'a' }, place);
  const [here, there] = [await checkout('a', 'work/app'), await checkout('b', 'app')];
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(gateway.node, 'invite', {})).link, trust_own: true });
  const file = (name: string): string => path.join(place.home('b'), '.claude-mneme', 'projects', idOf(there), name);
  return { gateway, b, id: idOf(here), file };
}

async function put(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
}

it('a machine that uses the gateway and one whose files are captured have the same', async () => {
  const { gateway, b, id, file } = await twoWays();
  const fact = (content: string) => ({ ts: '2026-01-01T00:00:00.000Z', type: 'fact', content });
  const facts = (...contents: string[]): string => `${JSON.stringify(contents.map(fact), null, 2)}\n`;
  const index = (mentions: number): string => JSON.stringify({ files: { 'a.ts': { mentions, lastSeen: null, contexts: [] } } }, null, 2);

  await gateway.lock(id, 'a');
  await gateway.put(id, 'remembered.json', facts('one', 'two'), 'a');
  await gateway.put(id, 'log.jsonl', '{"a":1}\n', 'a');
  await gateway.put(id, 'entities.json', index(1), 'a');
  await gateway.unlock(id, 'a');
  for (const node of [gateway.node, b]) await ask(node, 'sync', {});
  expect(await readFile(file('remembered.json'), 'utf8')).toBe(facts('one', 'two'));
  expect(await readFile(file('log.jsonl'), 'utf8')).toBe('{"a":1}\n');

  await put(file('remembered.json'), facts('two', 'of b'));
  await put(file('log.jsonl'), '{"a":1}\n{"b":1}\n');
  await put(file('entities.json'), index(3));
  await gateway.lock(id, 'a');
  await gateway.put(id, 'remembered.json', facts('one', 'two', 'of a'), 'a');
  await gateway.put(id, 'log.jsonl', '{"a":1}\n{"a":2}\n', 'a');
  await gateway.put(id, 'entities.json', index(2), 'a');
  await gateway.unlock(id, 'a');
  for (const node of [gateway.node, b, gateway.node, b]) await ask(node, 'sync', {});

  const served = async (name: string): Promise<unknown> => (await gateway.get(id, name)).body['content'];
  for (const name of ['remembered.json', 'log.jsonl', 'entities.json']) expect(await served(name)).toBe(await readFile(file(name), 'utf8'));
  expect(await served('remembered.json')).toBe(facts('two', 'of a', 'of b'));
  expect(await served('log.jsonl')).toBe('{"a":1}\n{"a":2}\n{"b":1}\n');
  expect(await served('entities.json')).toBe(index(4));
});

it('what the gateway does not carry goes between a machine that uses it and one that does not', async () => {
  const { gateway, b, id, file } = await twoWays();
  const home = path.join(place.home('a'), '.claude-mneme');
  await put(path.join(home, 'config.json'), JSON.stringify({ sync: { enabled: true, serverUrl: gateway.url } }));
  const own = (name: string): string => path.join(home, 'projects', id, name);
  const note = (hour: number, text: string): string => `${JSON.stringify({ ts: `2026-01-01T0${hour}:00:00.000Z`, text }, null, 2)}\n`;
  await put(own('handoff.json'), note(1, 'of a'));
  await put(own('remembered.json'), '["not by this way"]\n');
  await put(file('remembered.json'), '["of b"]\n');
  for (const node of [gateway.node, b, gateway.node]) await ask(node, 'sync', {});
  expect(await readFile(file('handoff.json'), 'utf8')).toBe(note(1, 'of a'));
  expect(await readFile(file('remembered.json'), 'utf8')).toBe('["of b"]\n');
  expect(await readFile(own('remembered.json'), 'utf8')).toBe('["not by this way"]\n');
  await put(file('handoff.json'), note(2, 'of b'));
  for (const node of [b, gateway.node]) await ask(node, 'sync', {});
  expect(await readFile(own('handoff.json'), 'utf8')).toBe(note(2, 'of b'));
});
