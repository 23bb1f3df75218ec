import { access } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { INVENTORY } from '../../src/kinds/claude-home/inventory.ts';
import { locate } from '../../src/kinds/claude-home/locate.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { runOperation } from '../../src/node/operations/run.ts';
import { carries } from '../../src/node/tree-sources.ts';
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

/** Machine a with a live node that orders the log, b joined to it. */
async function two(): Promise<{ a: SatchelNode; b: SatchelNode }> {
  const a = await place.start('a');
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
  return { a, b };
}

const paths = async (node: SatchelNode): Promise<string[]> =>
  (await ask(node, 'pending', {})).pending.filter(({ rejected }) => !rejected).map((entry) => entry.path);

async function syncBoth(first: SatchelNode, second: SatchelNode): Promise<void> {
  await ask(first, 'sync', {});
  await ask(second, 'sync', {});
}

describe('what could be executed', () => {
  it('waits on another machine until it was approved there, a folder as a whole', async () => {
    const { a, b } = await two();
    await place.write('a', 'inert\n', 'CLAUDE.md');
    await place.write('a', 'Run run.sh\n', 'skills/deploy/SKILL.md');
    await place.write('a', 'echo hi\n', 'skills/deploy/run.sh');
    await place.write('a', 'You review.\n', 'agents/reviewer.md');
    await syncBoth(a, b);

    expect(await place.read('b')).toBe('inert\n');
    expect([await exists('b', 'skills/deploy/SKILL.md'), await exists('b', 'agents/reviewer.md')]).toEqual([false, false]);
    const { pending } = await ask(b, 'pending', {});
    expect(pending).toMatchObject([
      { type: 'consent', path: 'agents/reviewer.md', rejected: false, items: [{ change: 'new' }] },
      { type: 'consent', path: 'skills/deploy', items: [{ item: 'skills/deploy/SKILL.md' }, { item: 'skills/deploy/run.sh' }] },
    ]);
    expect(pending[0]?.machines).toEqual([a.deps.machine.name]);
    expect((await ask(b, 'status', {})).spaces[0]?.pending).toBe(2);
    expect(await paths(a)).toEqual([]);

    const both = ask(b, 'answer-pending', { answer: 'approve', ids: ['deadbeef'], all: true });
    await expect(both).rejects.toThrow('either ids or all');
    expect((await ask(b, 'pending', {})).pending).toEqual(pending);
    const answer = await ask(b, 'answer-pending', { answer: 'approve', ids: [pending[1]?.id.slice(0, 8) ?? ''] });
    expect(answer.left).toBe(1);
    expect(await place.read('b', 'skills/deploy/run.sh')).toBe('echo hi\n');
    expect(await exists('b', 'agents/reviewer.md')).toBe(false);
  });

  it('that was answered elsewhere meanwhile is no riddle: who answered what, and when, is said', async () => {
    const { a, b } = await two();
    const c = await place.start('c', { live: false });
    await ask(c, 'join', { link: (await ask(a, 'invite', {})).link, name: 'cee' });
    await place.write('a', 'You review.\n', 'agents/reviewer.md');
    for (const node of [a, b, c]) await ask(node, 'sync', {});
    const [entry] = (await ask(c, 'pending', {})).pending;
    const id = entry?.id.slice(0, 8) ?? '';
    await ask(b, 'answer-pending', { answer: 'approve', ids: [id] });
    for (const node of [b, c, b, c]) await ask(node, 'sync', {});
    const said = {
      type: 'answered-before',
      message: expect.stringMatching(/agents\/reviewer\.md was approved by bee, \d+ (?:s|min) ago/),
    };
    await expect(ask(c, 'answer-pending', { answer: 'approve', ids: [id] })).rejects.toMatchObject(said);
    await expect(ask(c, 'pending-show', { id })).rejects.toMatchObject(said);
    await expect(ask(c, 'answer-pending', { answer: 'approve', ids: ['deadbeef'] })).rejects.toMatchObject({ type: 'no-such-entry' });
  });

  it('is answered at once where it is much: in one commit, saying how far it is', async () => {
    const { a, b } = await two();
    for (const name of ['one', 'two', 'three']) await place.write('a', `${name}\n`, `skills/${name}/SKILL.md`);
    await syncBoth(a, b);
    const told: string[] = [];
    await runOperation(
      b,
      'answer-pending',
      { answer: 'reject', all: true },
      {
        progress: (done, total, what) => told.push(`${done} of ${total} ${what}`),
        say: () => undefined,
        signal: new AbortController().signal,
      },
    );
    expect(told).toEqual(['0 of 3 answers', '3 of 3 answers']);
    const { commits } = await ask(b, 'log', {});
    expect(commits.filter(({ message }) => message.startsWith('Reject')).map(({ message }) => message)).toEqual(['Reject 3 things']);
    expect(await paths(b)).toEqual([]);
  });

  it('asks again about a change, and never about what this machine wrote', async () => {
    const { a, b } = await two();
    await place.write('a', 'one\n', 'skills/deploy/SKILL.md');
    await syncBoth(a, b);
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    await place.write('a', 'two\n', 'skills/deploy/SKILL.md');
    await syncBoth(a, b);
    expect(await place.read('b', 'skills/deploy/SKILL.md')).toBe('one\n');
    expect(await paths(b)).toEqual(['skills/deploy']);
    await ask(b, 'answer-pending', { answer: 'reject', all: true });
    expect(await paths(b)).toEqual([]);
    expect((await ask(b, 'pending', {})).pending).toMatchObject([{ path: 'skills/deploy', rejected: true }]);
    expect(await place.read('b', 'skills/deploy/SKILL.md')).toBe('one\n');
    expect(await place.read('a', 'skills/deploy/SKILL.md')).toBe('two\n');
  });

  it('is shown as what it would change, before the answer', async () => {
    const { a, b } = await two();
    await place.write('a', 'one\ntwo\n', 'skills/deploy/SKILL.md');
    await syncBoth(a, b);
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    await place.write('a', 'one\nthree\n', 'skills/deploy/SKILL.md');
    await place.write('a', 'rm -rf /\n', 'skills/deploy/run.sh');
    await syncBoth(a, b);
    const [entry] = (await ask(b, 'pending', {})).pending;
    const shown = await ask(b, 'pending-show', { id: entry?.id.slice(0, 8) ?? '' });
    expect(shown.changes).toEqual([
      { item: 'skills/deploy/SKILL.md', before: 'one\ntwo\n', after: 'one\nthree\n', unshown: null },
      { item: 'skills/deploy/run.sh', before: null, after: 'rm -rf /\n', unshown: null },
    ]);
    await expect(ask(b, 'pending-show', { id: 'ffff' })).rejects.toThrow('nothing of that id waits');
  });

  it('is asked for part by part in settings, where what restricts goes in place at once', async () => {
    const { a, b } = await two();
    await place.write(
      'a',
      '{"theme":"dark","permissions":{"deny":["Bash(curl:*)"],"allow":["Bash(ls)"]},"hooks":{"Stop":[]}}\n',
      'settings.json',
    );
    await syncBoth(a, b);
    expect(JSON.parse(await place.read('b', 'settings.json'))).toEqual({ theme: 'dark', permissions: { deny: ['Bash(curl:*)'] } });
    expect((await paths(b)).toSorted()).toEqual(['settings.json#/hooks', 'settings.json#/permissions/allow/Bash(ls)']);
    const allow = (await ask(b, 'pending', {})).pending.find(({ path: place_ }) => place_.includes('allow'));
    await ask(b, 'answer-pending', { answer: 'approve', ids: [allow?.id ?? ''] });
    expect(JSON.parse(await place.read('b', 'settings.json'))).toMatchObject({ permissions: { allow: ['Bash(ls)'] } });
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    expect(JSON.parse(await place.read('b', 'settings.json'))).toEqual(JSON.parse(await place.read('a', 'settings.json')));
  });

  it('is put in place unasked where one trusts one’s own machines', async () => {
    const { a, b } = await two();
    await ask(b, 'answer-pending', { answer: 'approve', trust_own: true });
    await place.write('a', 'one\n', 'skills/deploy/SKILL.md');
    await syncBoth(a, b);
    expect(await place.read('b', 'skills/deploy/SKILL.md')).toBe('one\n');
    await ask(b, 'answer-pending', { answer: 'reject', trust_own: false });
    await place.write('a', 'two\n', 'skills/deploy/SKILL.md');
    await syncBoth(a, b);
    expect(await paths(b)).toEqual(['skills/deploy']);
  });
});

describe('joining', () => {
  it('trusts one’s own machines, and goes on with the first apply, where that was said', async () => {
    const a = await place.start('a');
    await place.write('a', 'theirs\n');
    await place.write('a', 'one\n', 'skills/deploy/SKILL.md');
    await ask(a, 'sync', {});
    await place.write('b', 'ours\n');
    const b = await place.start('b', { live: false });
    const { link } = await ask(a, 'invite', {});
    expect(await ask(b, 'join', { link, name: 'bee', trust_own: true, approve_first: true })).toMatchObject({ pending: 0 });
    expect([await place.read('b'), await place.read('b', 'skills/deploy/SKILL.md')]).toEqual(['theirs\n', 'one\n']);
    const c = await place.start('c', { live: false });
    const joined = await ask(c, 'join', { link: (await ask(a, 'invite', {})).link, name: 'cee' });
    expect(joined).toMatchObject({ pending: 1 });
    expect(await exists('c', 'skills/deploy/SKILL.md')).toBe(false);
  });
});

describe('of every line of the inventory', () => {
  it('nothing that could be executed reaches another disk unanswered, and everything does once it was answered', async () => {
    const { a, b } = await two();
    const samples = INVENTORY.flatMap((row) => (row.class === 'portable' && row.form === null ? [sampleOf(row.pattern)] : [])).filter(
      (name) =>
        a.spaces
          .values()
          .next()
          .value?.sources.some(({ definition }) => carries(definition, name)),
    );
    expect(samples.length).toBeGreaterThan(10);
    for (const name of samples) await place.write('a', `${name}\n`, name);
    await ask(a, 'sync', {});
    for (let round = 0; round < 2; round += 1) {
      await ask(b, 'sync', {});
      const there = await Promise.all(samples.map((name) => exists('b', name)));
      const isInert = samples.map((name) => {
        const located = locate(name);
        return located.type === 'carried' && located.row.applies === 'at-once';
      });
      // What belongs to a project has no place there, whatever it is.
      expect(there.filter((_, index) => !isInert[index])).not.toContain(true);
      expect(there).toContain(true);
    }
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    for (const name of samples) if (!name.startsWith('projects/')) expect([name, await exists('b', name)]).toEqual([name, true]);
  });
});

function sampleOf(pattern: string): string {
  return pattern
    .split('/')
    .map((part) => (part === '**' ? 'one/two/three.md' : part.replaceAll('*', 'x')))
    .join('/');
}

describe('what a command of this machine’s user makes', () => {
  it('is put in place here at once, and waits elsewhere', async () => {
    const { a, b } = await two();
    await place.write('a', 'one\n', 'skills/deploy/SKILL.md');
    await place.write('a', '{"hooks":{"Stop":[]}}\n', 'settings.json');
    await ask(a, 'sync', {});
    await place.write('a', 'two\n', 'skills/deploy/SKILL.md');
    await place.write('a', '{}\n', 'settings.json');
    await ask(a, 'sync', {});
    await ask(a, 'restore', { item: 'skills/deploy/SKILL.md' });
    await ask(a, 'restore', { item: 'settings.json' });
    expect(await place.read('a', 'skills/deploy/SKILL.md')).toBe('one\n');
    expect(JSON.parse(await place.read('a', 'settings.json'))).toEqual({ hooks: { Stop: [] } });
    expect(await paths(a)).toEqual([]);
    await syncBoth(a, b);
    expect((await paths(b)).toSorted()).toEqual(['settings.json#/hooks', 'skills/deploy']);
  });

  it('is not taken for a yes to what waits at the same place', async () => {
    const { a, b } = await two();
    await place.write('a', 'one\n', 'skills/deploy/SKILL.md');
    await syncBoth(a, b);
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    await place.write('a', 'two\n', 'skills/deploy/SKILL.md');
    await place.write('a', 'rm -rf /\n', 'skills/deploy/run.sh');
    await syncBoth(a, b);
    await ask(b, 'restore', { item: 'skills/deploy/SKILL.md' });
    expect(await exists('b', 'skills/deploy/run.sh')).toBe(false);
    expect(await paths(b)).toEqual(['skills/deploy']);
  });
});

describe('an answer', () => {
  it('holds on all of the account’s machines, but not for what the machine that gave it wrote itself', async () => {
    const { a, b } = await two();
    const c = await place.start('c', { live: false });
    await ask(c, 'join', { link: (await ask(a, 'invite', {})).link, name: 'cee' });
    await place.write('a', 'by a\n', 'agents/by-a.md');
    await place.write('b', 'by b\n', 'agents/by-b.md');
    for (const node of [a, b, c, a, b]) await ask(node, 'sync', {});
    expect(await paths(c)).toEqual(['agents/by-a.md', 'agents/by-b.md']);
    expect(await paths(b)).toEqual(['agents/by-a.md']);
    await ask(b, 'answer-pending', { answer: 'approve', all: true });
    // As a machine that turned bad would: it says that its own is fine.
    const [consents] = [...b.spaces.values()].flatMap(({ sources }) => sources.flatMap((source) => source.consents ?? []));
    const [standing] = (await consents?.book.standing({ items: [{ kind: 'text', name: 'agents/by-b.md' }] })) ?? [];
    await consents?.book.answer([{ path: 'agents/by-b.md', hash: standing?.content.digest ?? '' }], 'approved');
    await syncBoth(b, c);
    expect(await place.read('c', 'agents/by-a.md')).toBe('by a\n');
    expect(await paths(c)).toEqual(['agents/by-b.md']);
    expect(await exists('c', 'agents/by-b.md')).toBe(false);
  });
});
