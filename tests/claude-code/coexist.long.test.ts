import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ask, Place } from '../node/place.ts';
import { createFakeClaude, type FakeClaude } from './fake-claude.ts';

const MINUTE = 60_000;
const LASTS = 2 * MINUTE;

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

async function claudeOn(machine: string, folder: string): Promise<FakeClaude> {
  const made = path.join(place.home(machine), folder);
  await mkdir(path.join(made, '.git'), { recursive: true });
  await mkdir(path.join(place.home(machine), '.claude'), { recursive: true });
  await writeFile(path.join(made, '.git', 'config'), '[remote "origin"]\n\turl = https://example.com/acme/app.git\n');
  return createFakeClaude(place.home(machine), await realpath(made));
}

/** The transcripts of a machine's one project, without their names: a fork has another id on each. */
async function transcripts(claude: FakeClaude): Promise<string[]> {
  const folder = path.dirname(claude.fileOf('x'));
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'));
  return (await Promise.all(names.map((name) => readFile(path.join(folder, name), 'utf8')))).sort();
}

/** Several times in turn, until it holds. */
async function eventually(holds: () => Promise<void>): Promise<void> {
  for (const end = Date.now() + MINUTE; ; await sleep(1_000)) {
    try {
      return await holds();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

it('two machines that are both worked on: nothing is torn, fought over or lost', async () => {
  const [here, there] = [await claudeOn('a', 'work/x'), await claudeOn('b', 'code/y')];
  here.set('model', 'first');
  const a = await place.start('a');
  const joining = await place.start('b', { live: false });
  await ask(joining, 'join', { link: (await ask(a, 'invite', {})).link });
  await place.stop('b');
  const b = await place.start('b');
  await ask(b, 'answer-pending', { answer: 'approve', all: true, trust_own: true });

  const settings = async (claude: FakeClaude, key: string): Promise<void> => {
    for (const [end, at] = [Date.now() + LASTS, { count: 0 }]; Date.now() < end; await sleep(700)) {
      claude.set(key, `${(at.count += 1)}`);
      await claude.type(`${key} ${at.count}`);
    }
  };
  const both = randomUUID();
  await here.use(both, 1_000);
  await eventually(async () => expect(await readFile(there.fileOf(both), 'utf8')).toBe(await readFile(here.fileOf(both), 'utf8')));
  const work = (claude: FakeClaude, sessions: readonly string[]): Promise<void>[] => sessions.map((session) => claude.use(session, LASTS));
  await Promise.all([
    ...work(here, [randomUUID(), randomUUID(), randomUUID(), randomUUID(), both]),
    ...work(there, [randomUUID(), randomUUID(), randomUUID(), randomUUID(), both]),
    settings(here, 'language'),
    settings(there, 'theme'),
  ]);

  await eventually(async () => {
    expect(await transcripts(there)).toEqual(await transcripts(here));
    const [mine, theirs] = await Promise.all(['a', 'b'].map((machine) => place.read(machine, 'settings.json')));
    expect(JSON.parse(theirs ?? '')).toEqual(JSON.parse(mine ?? ''));
    const prompts = await Promise.all(['a', 'b'].map((machine) => place.read(machine, 'history.jsonl')));
    const [first = [], second = []] = prompts.map((text) =>
      text
        .split('\n')
        .map((line) => line.replace(/"project":.*/, ''))
        .sort(),
    );
    expect(second).toEqual(first);
  });
  // On each machine a session is what was written there: its own lines in one piece, nothing in between.
  for (const claude of [here, there]) {
    for (const [session, lines] of claude.written) {
      const text = await readFile(claude.fileOf(session), 'utf8');
      expect(text.endsWith(lines.join(''))).toBe(true);
    }
  }
  for (const text of await transcripts(here)) for (const line of text.trimEnd().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
  const conflicts = [...(await ask(a, 'conflicts', {})).conflicts, ...(await ask(b, 'conflicts', {})).conflicts];
  expect(conflicts).toEqual([]);
  expect(await transcripts(here)).toHaveLength(10);
});
