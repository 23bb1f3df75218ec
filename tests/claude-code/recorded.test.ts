import { appendFile, mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';
import { summarize } from '../../src/kinds/claude-home/session-summary.ts';
import { ask, Place } from '../node/place.ts';

// What Claude Code 2.1.329 wrote in four turns, a turn a process; long attachments were left out.
const RECORDED = new URL('recorded/session.jsonl', import.meta.url);
const SESSION = '160ef5ab-303e-4e0a-b890-fb29a0e97853';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

async function workFolder(machine: string, folder: string): Promise<string> {
  const made = path.join(place.home(machine), folder);
  await mkdir(path.join(made, '.git'), { recursive: true });
  await writeFile(path.join(made, '.git', 'config'), '[remote "origin"]\n\turl = https://example.com/acme/app.git\n');
  return realpath(made);
}

it('a recorded session arrives as it is written, whole lines at a time, and can be found by its prompts', async () => {
  const here = await workFolder('a', 'work/app');
  const there = await workFolder('b', 'code/y');
  const recorded = (await readFile(RECORDED, 'utf8')).replaceAll('/home/ada/work/app', here);
  const files = [
    ['a', here],
    ['b', there],
  ].map(([machine = '', cwd = '']) => path.join(place.home(machine), '.claude', 'projects', projectFolder(cwd), `${SESSION}.jsonl`));
  const [original = '', copy = ''] = files;
  await mkdir(path.dirname(original), { recursive: true });
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });

  const lines = recorded.split(/(?<=\n)/);
  let written = '';
  for (let at = 0; at < lines.length; at += 6) {
    // As far as a running program came: six lines, and the beginning of the next.
    const whole = lines.slice(at, at + 6).join('');
    const torn = (lines[at + 6] ?? '').slice(0, 40);
    await appendFile(original, whole.slice(written.length - lines.slice(0, at).join('').length) + torn);
    written = lines.slice(0, at + 6).join('') + torn;
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    expect(await readFile(copy, 'utf8')).toBe(lines.slice(0, at + 6).join(''));
  }
  expect(await readFile(copy, 'utf8')).toBe(recorded);

  const { sessions } = await ask(b, 'sessions', { search: 'pear' });
  expect(sessions).toMatchObject([
    { id: SESSION, folder: there, here: true, first_prompt: `remember ${here} and the word pear`, last_prompt: 'continue?' },
  ]);
  expect(sessions[0]?.used).toBe('2026-11-21T07:22:04.567Z');
});

it('a recorded session says what it is about', async () => {
  const body = await readFile(RECORDED);
  expect(summarize(body, body)).toMatchObject({ title: null, cwd: '/home/ada/work/app', lastPrompt: 'continue?' });
  const named = Buffer.concat([
    body,
    Buffer.from('{"type":"custom-title","customTitle":"Mine"}\n{"type":"ai-title","aiTitle":"Fruit\\u001b and words"}\n'),
  ]);
  expect(summarize(body.subarray(0, 3_000), named.subarray(-2_000)).title).toBe('Mine');
  const older = '{"type":"summary","summary":"Old form"}\n{"type":"user","isMeta":true,"message":{"content":"caveat"}}\n';
  expect(summarize(Buffer.from(older), Buffer.from(older))).toEqual({
    title: 'Old form',
    firstPrompt: null,
    lastPrompt: null,
    usedAt: null,
    cwd: null,
  });
});
