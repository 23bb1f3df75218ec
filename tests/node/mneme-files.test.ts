import { existsSync } from 'node:fs';
import { mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { captureMany } from '../../src/core/replica/capture-many.ts';
import { mnemeKind } from '../../src/kinds/mneme/names.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

const REMOTE = 'git@github.com:acme/app.git';

/** A folder to work in, with its links resolved; `remote` makes it a checkout. */
async function workFolder(machine: string, name: string, remote?: string): Promise<string> {
  const folder = path.join(place.home(machine), name);
  await mkdir(path.join(folder, '.git'), { recursive: true });
  if (remote !== undefined) await writeFile(path.join(folder, '.git', 'config'), `[remote "origin"]\n\turl = ${remote}\n`);
  return realpath(folder);
}

const memory = (machine: string, folder: string, ...rest: string[]): string =>
  path.join(place.home(machine), '.claude-mneme', 'projects', folder.replaceAll('/', '-'), ...rest);

async function put(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
}

const text = (file: string): Promise<string | null> => readFile(file, 'utf8').catch(() => null);
const fact = (content: string) => ({ ts: '2026-01-01T00:00:00.000Z', type: 'fact', content });
const facts = (...contents: string[]): string => `${JSON.stringify(contents.map(fact), null, 2)}\n`;

async function two(options: { readonly trust_own?: boolean } = { trust_own: true }): Promise<[SatchelNode, SatchelNode]> {
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, ...options });
  return [a, b];
}

async function sync(...nodes: SatchelNode[]): Promise<void> {
  for (const node of [...nodes, ...nodes]) await ask(node, 'sync', {});
}

describe('the files of mneme on two machines', () => {
  it('stand under the id that each machine’s folder gives, and are merged by entry', async () => {
    const [here, there] = [await workFolder('a', 'work/my-app', REMOTE), await workFolder('b', 'app', REMOTE)];
    await put(memory('a', here, 'remembered.json'), facts('one'));
    await put(memory('a', here, 'log.jsonl'), '{"a":1}\n');
    await put(memory('a', here, 'entities.json'), '{"files":{}}');
    await put(memory('a', here, 'summary.json'), '{"keyDecisions":[]}\n');
    const [a, b] = await two();
    await sync(a, b);
    for (const file of ['remembered.json', 'log.jsonl', 'entities.json', 'summary.json'])
      expect(await text(memory('b', there, file))).toBe(await text(memory('a', here, file)));

    await put(memory('a', here, 'remembered.json'), facts('one', 'a'));
    await put(memory('b', there, 'remembered.json'), facts('one', 'b'));
    await put(memory('a', here, 'log.jsonl'), '{"a":1}\n{"a":2}\n');
    await put(memory('b', there, 'log.jsonl'), '{"a":1}\n{"b":2}\n');
    await sync(a, b);
    expect(await text(memory('a', here, 'remembered.json'))).toBe(facts('one', 'a', 'b'));
    expect(await text(memory('a', here, 'log.jsonl'))).toBe('{"a":1}\n{"a":2}\n{"b":2}\n');
    for (const file of ['remembered.json', 'log.jsonl'])
      expect(await text(memory('b', there, file))).toBe(await text(memory('a', here, file)));
    expect((await ask(a, 'status', {})).spaces[0]?.conflicts).toBe(0);
  });

  it('leave at home what is one machine’s alone, and carry handoffs', async () => {
    const [here, there] = [await workFolder('a', 'app', REMOTE), await workFolder('b', 'other', REMOTE)];
    const never = [
      '.last-session',
      'log.pending.jsonl',
      'log.pending.jsonl.1',
      'log.meta.json',
      '.cache.json',
      'summary.json.bak',
      'log.jsonl.lock',
    ];
    for (const file of [...never, 'summary.md', 'active-tasks.json']) await put(memory('a', here, file), '{}\n');
    await put(path.join(place.home('a'), '.claude-mneme', '.client-id'), 'a');
    await put(memory('a', here, 'handoff.json'), '{"ts":"2026-01-01T02:00:00.000Z","workingOn":"x"}\n');
    const [a, b] = await two();
    await sync(a, b);
    expect(await text(memory('b', there, 'handoff.json'))).toContain('workingOn');
    for (const file of [...never, 'summary.md']) expect(existsSync(memory('b', there, file))).toBe(false);
    expect(existsSync(path.join(place.home('b'), '.claude-mneme', '.client-id'))).toBe(false);

    await put(memory('a', here, 'handoff.json'), '{"ts":"2026-01-01T04:00:00.000Z","workingOn":"newer"}\n');
    await ask(a, 'sync', {});
    await put(memory('b', there, 'handoff.json'), '{"ts":"2026-01-01T03:00:00.000Z","workingOn":"older"}\n');
    await sync(b, a);
    for (const file of [memory('a', here, 'handoff.json'), memory('b', there, 'handoff.json')]) expect(await text(file)).toContain('newer');
  });

  it('give a briefing once: who consumed it consumed it everywhere', async () => {
    const [here, there] = [await workFolder('a', 'app', REMOTE), await workFolder('b', 'other', REMOTE)];
    const briefing = '{"ts":"2026-01-01T02:00:00.000Z","summary":"go on"}\n';
    await put(memory('a', here, 'briefing.json'), briefing);
    const [a, b] = await two();
    await sync(a, b);
    expect(await text(memory('b', there, 'briefing.json'))).toBe(briefing);
    await mkdir(memory('b', there, 'briefing-archive'));
    await rename(memory('b', there, 'briefing.json'), memory('b', there, 'briefing-archive', '2026-01-01.json'));
    await sync(b, a);
    expect(await text(memory('a', here, 'briefing.json'))).toBeNull();
    expect(await text(memory('a', here, 'briefing-archive', '2026-01-01.json'))).toBe(briefing);
  });

  it('wait for a place of their project, and come with it', async () => {
    const here = await workFolder('a', 'app', REMOTE);
    await put(memory('a', here, 'remembered.json'), facts('one'));
    const [a, b] = await two();
    await sync(a, b);
    const there = await workFolder('b', 'late', REMOTE);
    expect(existsSync(memory('b', there))).toBe(false);
    await put(memory('b', there, 'log.jsonl'), '{"b":1}\n'); // the client was run there for the first time
    await sync(b, a);
    expect(await text(memory('b', there, 'remembered.json'))).toBe(facts('one'));
    expect(await text(memory('a', here, 'log.jsonl'))).toBe('{"b":1}\n');
  });

  it('stay out where the id of their project is longer than a folder’s name may be', async () => {
    const here = await workFolder('a', 'app', REMOTE);
    await put(memory('a', here, 'remembered.json'), facts('one'));
    const [a, b] = await two();
    const id = 'a'.repeat(300);
    const bodies = [Buffer.from(facts('far'))];
    const open = [...a.spaces.values()][0];
    if (open === undefined) throw new Error('no space');
    await captureMany(
      open.replica,
      bodies.map((body) => ({
        writer: 'mneme:x:y',
        item: { kind: mnemeKind('remembered.json'), name: `mneme/${id}/remembered.json` },
        body,
        digest: open.replica.bodies.digestOf(body, {}),
        made: 'shown',
      })),
      { message: '', writer: 'mneme-gateway' },
    );
    await sync(a, b);
    for (const node of [a, b]) expect(JSON.stringify(await ask(node, 'status', {}))).not.toContain('ENAMETOOLONG');
    expect(JSON.stringify((await ask(b, 'status', {})).spaces)).not.toContain(id);
  });

  it('are whole again where the client was interrupted, and lose nothing to what it writes then', async () => {
    const [here, there] = [await workFolder('a', 'app', REMOTE), await workFolder('b', 'other', REMOTE)];
    await put(memory('a', here, 'remembered.json'), facts('one', 'two'));
    const [a, b] = await two();
    await sync(a, b);
    const file = memory('b', there, 'remembered.json');
    await writeFile(file, facts('one', 'two').slice(0, 30));
    await sync(b, a);
    expect(await text(memory('a', here, 'remembered.json'))).toBe(facts('one', 'two'));
    // The client takes what it cannot read for an empty list.
    await writeFile(file, facts('three'));
    await sync(b, a);
    for (const merged of [file, memory('a', here, 'remembered.json')]) {
      const found = JSON.parse((await text(merged)) ?? '') as { content: string }[];
      expect(found.map(({ content }) => content).sort()).toEqual(['one', 'three', 'two']);
    }
  });

  it('keep what came while the client worked on what it had read', async () => {
    const [here, there] = [await workFolder('a', 'app', REMOTE), await workFolder('b', 'other', REMOTE)];
    const summary = (...decisions: string[]): string =>
      `${JSON.stringify({ keyDecisions: decisions.map((decision) => ({ decision })) }, null, 2)}\n`;
    const [mine, theirs] = [memory('a', here, 'summary.json'), memory('b', there, 'summary.json')];
    await put(mine, summary('one', 'two'));
    const [a, b] = await two();
    await sync(a, b);
    await put(mine, summary('one', 'two', 'from a'));
    await sync(a, b);
    expect(await text(theirs)).toBe(summary('one', 'two', 'from a'));
    // What it read before that, without what it summarised away, and with what it found.
    await put(theirs, summary('two', 'from b'));
    await sync(b, a);
    for (const file of [mine, theirs]) expect(await text(file)).toBe(summary('two', 'from a', 'from b'));
  });

  it('are left to the client’s own sync where it is switched on, but for what that does not carry', async () => {
    const here = await workFolder('a', 'app', REMOTE);
    const settings = path.join(place.home('a'), '.claude-mneme', 'config.json');
    await put(settings, '{"sync":{"enabled":true,"serverUrl":"http://127.0.0.1:3847"}}');
    for (const file of ['remembered.json', 'handoff.json']) await put(memory('a', here, file), '{"ts":"2026-01-01T02:00:00.000Z"}');
    const a = await place.start('a');
    await ask(a, 'sync', {});
    const [open] = a.spaces.values();
    const files = async () => (await open?.replica.list({ prefix: 'mneme/' }))?.map(({ item }) => path.basename(item.name)).sort();
    expect(await files()).toEqual(['handoff.json']);
    await put(settings, '{"sync":{"enabled":false,"serverUrl":"http://127.0.0.1:3847"}}');
    await put(memory('a', here, 'remembered.json'), facts('one'));
    await ask(a, 'sync', {});
    expect(await files()).toEqual(['handoff.json', 'remembered.json']);
  });

  it('are left alone where the user says so', async () => {
    await mkdir(path.join(place.home('a'), '.satchel'), { recursive: true, mode: 0o700 });
    const config = JSON.stringify({ claude: { categories: { mneme: false } } });
    await writeFile(path.join(place.home('a'), '.satchel', 'config.json'), config, { mode: 0o600 });
    await put(memory('a', await workFolder('a', 'app'), 'remembered.json'), facts('one'));
    const a = await place.start('a');
    await ask(a, 'sync', {});
    expect(await [...a.spaces.values()][0]?.replica.list({ prefix: 'mneme/' })).toEqual([]);
  });

  it('are not spoken of where nobody uses it', async () => {
    const a = await place.start('a');
    const sources = async (): Promise<string[]> => (await ask(a, 'status', {})).spaces[0]?.sources.map(({ id }) => id) ?? [];
    expect(await sources()).not.toContain('mneme');
    expect((await ask(a, 'doctor', {})).checks.find(({ id }) => id === 'source:mneme')).toMatchObject({ result: 'ok' });
    await put(memory('a', await workFolder('a', 'app'), 'log.jsonl'), '{}\n');
    expect(await sources()).toContain('mneme');
  });

  it('go when their project is removed, and come back from history', async () => {
    const [here, there] = [await workFolder('a', 'app', REMOTE), await workFolder('b', 'other', REMOTE)];
    await put(memory('a', here, 'remembered.json'), facts('one'));
    await put(memory('a', here, 'log.jsonl'), '{}\n');
    const [a, b] = await two();
    await sync(a, b);
    await rm(memory('b', there, 'remembered.json'));
    await sync(b, a);
    expect(await text(memory('a', here, 'remembered.json'))).toBeNull();
    expect(await text(memory('a', here, 'log.jsonl'))).toBe('{}\n');
  });
});
