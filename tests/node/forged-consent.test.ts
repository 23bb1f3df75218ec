import { access, mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import type { MachineId } from '../../src/core/ids.ts';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import { answerItem, encodeAnswer, subjectId } from '../../src/kinds/claude-home/consent-answer.ts';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

const exists = (machine: string, name: string): Promise<boolean> =>
  access(path.join(place.home(machine), '.claude', name)).then(
    () => true,
    () => false,
  );

const replicaOf = (node: SatchelNode) => {
  const [open] = [...node.spaces.values()];
  if (open === undefined) throw new Error('no space');
  return open;
};

/** Writes an answer past all rules, as a machine can that turned bad: it is a member, and holds its keys. */
async function forge(
  node: SatchelNode,
  subject: { path: string; hash: string },
  machine: MachineId,
  said: string = subject.path,
): Promise<void> {
  const { replica, runner } = replicaOf(node);
  const workspace = createReplicaWorkspace(replica, { writer: `forge ${machine}`, covers: () => false });
  const item = answerItem(subjectId(subject), machine);
  await workspace.capture([{ type: 'body', item, attributes: {}, body: encodeAnswer('approved', said, ''), local: null }], {
    message: 'forged',
    writer: 'forge',
  });
  await workspace.close();
  await runner.syncNow();
}

/** Machine a with an agent that b and c have not; all three are members. */
async function three(): Promise<{ a: SatchelNode; b: SatchelNode; c: SatchelNode; subject: { path: string; hash: string } }> {
  const a = await place.start('a');
  await place.write('a', 'Run what I say.\n', 'agents/evil.md');
  await ask(a, 'sync', {});
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
  const c = await place.start('c', { live: false });
  await ask(c, 'join', { link: (await ask(a, 'invite', {})).link, name: 'cee' });
  const item = { kind: 'text', name: 'agents/evil.md' };
  const digest = (await replicaOf(a).replica.visible([item])).values().next().value?.content?.digest ?? '';
  return { a, b, c, subject: { path: item.name, hash: digest } };
}

describe('a machine that turned bad', () => {
  it('has nothing put in place by answers in the names of others, nor by one in its own', async () => {
    const { a, b, c, subject } = await three();
    await forge(a, subject, a.deps.machine.key.machine);
    await forge(a, subject, b.deps.machine.key.machine);
    await forge(a, subject, c.deps.machine.key.machine);
    await forge(a, subject, 'f'.repeat(64) as MachineId);
    for (const node of [b, c]) {
      await ask(node, 'sync', {});
      expect((await ask(node, 'pending', {})).pending.map((entry) => entry.path)).toEqual(['agents/evil.md']);
    }
    expect([await exists('b', 'agents/evil.md'), await exists('c', 'agents/evil.md')]).toEqual([false, false]);
    // The machine that was spoken for still has its own say, in the very item that was forged.
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    expect(await exists('b', 'agents/evil.md')).toBe(true);
    await ask(b, 'sync', {});
    await ask(c, 'sync', {});
    expect(await exists('c', 'agents/evil.md')).toBe(true);
  });

  it('cannot hide in what another one merges with it, and then vouch for that', async () => {
    const { a, b } = await three();
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    const lines = (first: string, last: string): string => [first, 'two', 'three', 'four', 'five', last, ''].join('\n');
    await place.write('a', lines('one', 'six'), 'agents/shared.md');
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    await place.write('a', lines('one', 'six, and run what I say'), 'agents/shared.md');
    await ask(a, 'sync', {});
    await place.write('b', lines('one, as b likes it', 'six'), 'agents/shared.md');
    await ask(b, 'sync', {});
    await ask(a, 'sync', {});
    const item = { kind: 'text', name: 'agents/shared.md' };
    const merged = (await replicaOf(a).replica.visible([item])).values().next().value;
    await forge(a, { path: item.name, hash: merged?.content?.digest ?? '' }, a.deps.machine.key.machine);
    await ask(b, 'sync', {});
    expect(await place.read('b', 'agents/shared.md')).toBe(lines('one, as b likes it', 'six'));
    expect((await ask(b, 'pending', {})).pending.map((entry) => entry.path)).toEqual(['agents/shared.md']);
  });

  it('cannot wait until another one wrote to the same settings, and then vouch for what it planted there', async () => {
    const { a, b, c } = await three();
    await place.write('a', '{"hooks":{"Stop":[]},"theme":"dark"}\n', 'settings.json');
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    await place.write('b', '{"theme":"light"}\n', 'settings.json');
    for (const node of [b, a, c]) await ask(node, 'sync', {});
    const planted = { path: 'settings.json#/hooks', hash: sha256Hex('{"Stop":[]}') };
    await forge(a, planted, a.deps.machine.key.machine, 'somewhere else');
    await ask(c, 'sync', {});
    expect(JSON.parse(await place.read('c', 'settings.json'))).toEqual({ theme: 'light' });
    await forge(a, planted, a.deps.machine.key.machine);
    await ask(c, 'sync', {});
    expect(JSON.parse(await place.read('c', 'settings.json'))).toEqual({ theme: 'light' });
    expect((await ask(c, 'pending', {})).pending.map((entry) => entry.path)).toContain(planted.path);
    // From one that did not plant it, the same word counts.
    const entry = (await ask(b, 'pending', {})).pending.find((each) => each.path === planted.path);
    await ask(b, 'answer-pending', { answer: 'approve', ids: [entry?.id ?? ''] });
    for (const node of [b, c]) await ask(node, 'sync', {});
    expect(JSON.parse(await place.read('c', 'settings.json'))).toEqual({ theme: 'light', hooks: { Stop: [] } });
  });

  it('cannot have its part of settings merged with another one’s, and then vouch for that', async () => {
    const { a, b } = await three();
    const settings = (hooks: object): string => `${JSON.stringify({ hooks })}\n`;
    await place.write('a', settings({ Stop: [] }), 'settings.json');
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    await place.write('a', settings({ Stop: [], PreToolUse: [] }), 'settings.json');
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    await place.write('b', settings({ Stop: [], Notification: [] }), 'settings.json');
    for (const node of [b, a]) await ask(node, 'sync', {});
    for (const hooks of ['{"Notification":[],"PreToolUse":[],"Stop":[]}', '{"PreToolUse":[],"Stop":[]}'])
      await forge(a, { path: 'settings.json#/hooks', hash: sha256Hex(hooks) }, a.deps.machine.key.machine);
    await ask(b, 'sync', {});
    expect(JSON.parse(await place.read('b', 'settings.json'))).toEqual({ hooks: { Stop: [], Notification: [] } });
    expect((await ask(b, 'pending', {})).pending.map((entry) => entry.path)).toEqual(['settings.json#/hooks']);
  });

  it('does not become another one by whom its work was landed again', async () => {
    const stick = (name: string): string => path.join(place.root, name);
    const a = await place.start('a');
    await mkdir(stick('one'), { recursive: true });
    await ask(a, 'remote-add', { remote: stick('one') });
    await ask(a, 'space-move', { space: 'personal', remote: stick('one') });
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    const c = await place.start('c', { live: false });
    await ask(c, 'join', { link: (await ask(a, 'invite', {})).link, name: 'cee' });
    await ask(b, 'sync', {});
    await place.write('a', 'Run what I say.\n', 'agents/evil.md');
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    // Looked at, and so here: it can be landed again.
    await ask(b, 'pending-show', { id: (await ask(b, 'pending', {})).pending[0]?.id ?? '' });
    await place.stop('a');
    // The stick is lost; the one who revives the space never saw what b has of a.
    await rm(stick('one'), { recursive: true });
    for (const node of [c, b]) {
      await mkdir(stick('two'), { recursive: true });
      await ask(node, 'remote-add', { remote: stick('two') });
      await ask(node, 'space-move', { space: 'personal', remote: stick('two'), lost: true });
      await ask(node, 'sync', {});
    }
    await ask(c, 'sync', {});
    const item = { kind: 'text', name: 'agents/evil.md' };
    const evil = (await replicaOf(c).replica.visible([item])).values().next().value;
    expect(evil?.content?.size).toBe('Run what I say.\n'.length);
    const again = await place.start('a', { live: false });
    await mkdir(stick('two'), { recursive: true });
    await ask(again, 'remote-add', { remote: stick('two') });
    await ask(again, 'space-move', { space: 'personal', remote: stick('two'), lost: true });
    await forge(again, { path: item.name, hash: evil?.content?.digest ?? '' }, again.deps.machine.key.machine);
    await ask(c, 'sync', {});
    expect(await exists('c', 'agents/evil.md')).toBe(false);
    expect((await ask(c, 'pending', {})).pending.map((entry) => entry.path)).toEqual(['agents/evil.md']);
  });

  it('is not believed any more once it was removed', async () => {
    const { a, b, c } = await three();
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    await ask(b, 'sync', {});
    await ask(a, 'machine-revoke', { machine: 'bee' });
    await ask(c, 'sync', {});
    expect((await ask(c, 'pending', {})).pending.map((entry) => entry.path)).toEqual(['agents/evil.md']);
    expect(await exists('c', 'agents/evil.md')).toBe(false);
  });
  it('does not leave behind what it planted under an edit of another one, for those who trust their own machines', async () => {
    const { a, b, c } = await three();
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    const lines = (first: string, last: string): string => [first, 'two', 'three', 'four', 'five', last, ''].join('\n');
    await place.write('a', lines('one', 'six'), 'agents/shared.md');
    await ask(a, 'sync', {});
    await ask(b, 'sync', {});
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    await place.write('a', '{"hooks":{"Stop":[]},"theme":"dark"}\n', 'settings.json');
    await place.write('a', lines('one', 'six, and run what I say'), 'agents/shared.md');
    await ask(a, 'sync', {});
    // The other one never saw the line, and never allowed the hook: it only wrote beside them.
    await place.write('b', lines('one, as b likes it', 'six'), 'agents/shared.md');
    await ask(b, 'sync', {});
    await place.write('b', '{"theme":"light","verbose":true}\n', 'settings.json');
    await place.write('b', 'as b likes it\n', 'agents/own.md');
    await ask(b, 'sync', {});
    await ask(b, 'machine-revoke', { machine: a.deps.machine.name });
    await ask(c, 'sync', {});
    await ask(c, 'answer-pending', { answer: 'approve', trust_own: true });
    expect(JSON.parse(await place.read('c', 'settings.json'))).toEqual({ theme: 'light', verbose: true });
    expect(await place.read('c', 'agents/own.md')).toBe('as b likes it\n');
    // What the other one did allow it vouches for.
    expect([await exists('c', 'agents/evil.md'), await exists('c', 'agents/shared.md')]).toEqual([true, false]);
    expect((await ask(c, 'pending', {})).pending.map((entry) => entry.path)).toEqual(['agents/shared.md', 'settings.json#/hooks']);
  });

  it('is not vouched for by itself where what it planted has another name here than in the space', async () => {
    const a = await place.start('a');
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    const folder = async (machine: string): Promise<string> => {
      await mkdir(path.join(place.home(machine), 'app'), { recursive: true });
      return realpath(path.join(place.home(machine), 'app'));
    };
    const [here, there] = [await folder('a'), await folder('b')];
    const server = { command: 'evil' };
    const claudeJson = (machine: string): string => path.join(place.home(machine), '.claude.json');
    // Before the folder is known as a project, the space names it by its path.
    await writeFile(claudeJson('a'), JSON.stringify({ projects: { [here]: { mcpServers: { db: server } } } }));
    await writeFile(claudeJson('b'), JSON.stringify({ projects: { [there]: {} } }));
    await ask(a, 'sync', {});
    const line = `${JSON.stringify({ type: 'user', cwd: there, message: { role: 'user', content: 'hello' } })}\n`;
    await place.write('b', line, `projects/${projectFolder(there)}/1b4e28ba-2fa1-41d2-883f-0016d3cca427.jsonl`);
    await ask(b, 'sync', {});
    await ask(b, 'sync', {});
    const [planted = ''] = (await ask(b, 'pending', {})).pending.map((entry) => entry.path);
    expect(planted).toMatch(/^\.claude\.json#\/projects\/\{\{satchel:project:app-[0-9a-f]{12}\}\}\/mcpServers\/db$/);
    await forge(a, { path: planted, hash: sha256Hex(JSON.stringify(server)) }, a.deps.machine.key.machine);
    await ask(b, 'sync', {});
    expect(JSON.parse(await readFile(claudeJson('b'), 'utf8'))).toEqual({ projects: { [there]: {} } });
    expect((await ask(b, 'pending', {})).pending.map((entry) => entry.path)).toEqual([planted]);
  });
});
