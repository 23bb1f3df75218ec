import { mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';
import { purgeHome } from '../../src/node/purge-home.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from '../node/place.ts';
import { askClaude, installClaudeCode, type Answer } from './claude-code.ts';
import { startMockApi, type ApiRequest, type MockApi } from './mock-api.ts';

let place: Place;
let binary: string;
let api: MockApi;
beforeEach(async () => {
  [place, binary, api] = await Promise.all([Place.create(), installClaudeCode(), startMockApi()]);
}, 300_000);
afterEach(async () => {
  await api.close();
  await place.dispose();
});

async function checkout(machine: string, folder: string): Promise<string> {
  const made = path.join(place.home(machine), folder);
  await mkdir(path.join(made, '.git'), { recursive: true });
  await writeFile(path.join(made, '.git', 'config'), '[remote "origin"]\n\turl = https://example.com/acme/app.git\n');
  return realpath(made);
}

const claude = (machine: string, cwd: string, ...args: string[]): Promise<Answer> =>
  askClaude(binary, { home: place.home(machine), cwd, api: api.url }, args);

const transcriptOf = (machine: string, cwd: string, session: string): Promise<Buffer> =>
  readFile(path.join(place.home(machine), '.claude', 'projects', projectFolder(cwd), `${session}.jsonl`));

/** What the model is told of the conversation, without what Claude Code adds by itself. */
function conversation({ messages }: ApiRequest): string[] {
  return messages.flatMap(({ role, content }) => {
    if (role !== 'user' && role !== 'assistant') return [];
    const blocks = typeof content === 'string' ? [{ text: content }] : (content as { readonly text?: string }[]);
    return blocks.flatMap(({ text }) => (text === undefined || text.startsWith('<system-reminder>') ? [] : [`${role}: ${text}`]));
  });
}

const sync = async (...nodes: SatchelNode[]): Promise<void> => {
  for (const node of nodes) await ask(node, 'sync', {});
};

it('a session goes on at another path of another machine, and at home again', async () => {
  const here = await checkout('a', 'work/x');
  const there = await checkout('b', 'code/y');
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });

  const first = await claude('a', here, `I am in ${here}`);
  expect(first.text).toBe('answer 1');
  await sync(a, b);
  const original = await transcriptOf('a', here, first.session);
  expect(await transcriptOf('b', there, first.session)).toEqual(original);

  const second = await claude('b', there, '--resume', first.session, 'two');
  expect(second).toEqual({ session: first.session, text: 'answer 2' });
  const third = await claude('b', there, '--continue', 'three');
  expect(third).toEqual({ session: first.session, text: 'answer 3' });
  await sync(b, a);
  const longer = await transcriptOf('b', there, first.session);
  expect(longer.subarray(0, original.length)).toEqual(original);
  expect(await transcriptOf('a', here, first.session)).toEqual(longer);

  expect(await claude('a', here, '--continue', 'four')).toEqual({ session: first.session, text: 'answer 4' });
  const said = [`user: I am in ${here}`, 'assistant: answer 1', 'user: two', 'assistant: answer 2', 'user: three', 'assistant: answer 3'];
  expect(api.requests.map(conversation)).toEqual([said.slice(0, 1), said.slice(0, 3), said.slice(0, 5), [...said, 'user: four']]);
  // What was sent once is sent again as it was.
  const sent = api.requests.map(({ messages }) => messages.filter(({ role }) => role === 'assistant'));
  for (const [index, messages] of sent.entries())
    expect(sent.at(-1)?.slice(0, messages.length), `request ${index}`).toMatchObject(messages);
  expect(await readdir(path.join(place.home('b'), '.claude', 'projects'))).toEqual([projectFolder(there)]);
}, 120_000);

it('sessions of others go on where Satchel was, once it is gone', async () => {
  const here = await checkout('a', 'work/x');
  const there = await checkout('b', 'code/y');
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });
  const { session } = await claude('a', here, 'one');
  await claude('b', there, 'of b');
  await sync(a, b);
  await ask(b, 'leave', {});
  const { home } = b;
  await place.stop('b');
  expect(await purgeHome(home)).toEqual([]);
  expect((await claude('b', there, '--continue', 'and on')).session).not.toBe(session);
  expect((await claude('b', there, '--resume', session, 'two')).session).toBe(session);
  expect(conversation(api.requests.at(-1)!)).toEqual(['user: one', 'assistant: answer 1', 'user: two']);
}, 120_000);

it('of several sessions, the one that was used last is continued', async () => {
  const here = await checkout('a', 'work/x');
  const there = await checkout('b', 'code/y');
  const a = await place.start('a');
  const asked: Answer[] = [];
  for (const text of ['one', 'two', 'three']) asked.push(await claude('a', here, text));
  await claude('a', here, '--resume', asked[1]?.session ?? '', 'two again');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });
  await sync(a, b);
  expect((await claude('b', there, '--continue', 'on')).session).toBe(asked[1]?.session);

  // And when it was off while they went on.
  await sync(b, a);
  await claude('a', here, '--resume', asked[2]?.session ?? '', 'three again');
  await claude('a', here, '--resume', asked[0]?.session ?? '', 'one again');
  await sync(a, b);
  expect((await claude('b', there, '--continue', 'on')).session).toBe(asked[0]?.session);
}, 120_000);

it('a session that went on here and there can be resumed as both', async () => {
  const here = await checkout('a', 'x');
  const there = await checkout('b', 'x');
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });
  const { session } = await claude('a', here, 'one');
  await sync(a, b);
  await claude('a', here, '--resume', session, 'on a');
  await claude('b', there, '--resume', session, 'on b');
  await sync(a, b, a);
  const others = await readdir(path.join(place.home('a'), '.claude', 'projects', projectFolder(here)));
  const fork = others.find((name) => name.endsWith('.jsonl') && !name.startsWith(session))?.replace('.jsonl', '') ?? '';
  const asked = api.requests.length;
  await claude('a', here, '--resume', session, 'mine');
  await claude('a', here, '--resume', fork, 'theirs');
  await claude('b', there, '--resume', session, 'mine');
  await claude('b', there, '--resume', fork, 'theirs');
  const said = (...texts: string[]): string[] => texts.map((text) => `user: ${text}`);
  const told = api.requests.slice(asked).map((request) => conversation(request).filter((text) => text.startsWith('user')));
  expect(told).toEqual([
    said('one', 'on a', 'mine'),
    said('one', 'on b', 'theirs'),
    said('one', 'on b', 'mine'),
    said('one', 'on a', 'theirs'),
  ]);
}, 120_000);
