import { mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';
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
});
