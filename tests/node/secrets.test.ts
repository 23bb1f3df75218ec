import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EMPTY_HEAD } from '../../src/core/log/record.ts';
import { createSpace } from '../../src/core/replica/create-space.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from './place.ts';
import { PATIENCE } from '../setup/patience.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

const TOKEN = 'ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8';

async function secretsOf(node: SatchelNode, wanted: number): Promise<number> {
  for (let waited = 0; waited < PATIENCE.timeout; waited += 100) {
    const found = (await ask(node, 'status', {})).spaces[0]?.secrets ?? 0;
    if (found === wanted) return found;
    await sleep(100);
  }
  return (await ask(node, 'status', {})).spaces[0]?.secrets ?? 0;
}

describe('secrets on their way to a space that others can read', () => {
  it('wait for an answer to exactly them, and are named by place alone', async () => {
    const notes = path.join(place.home('a'), 'notes');
    await mkdir(notes, { recursive: true });
    await mkdir(path.join(place.home('a'), '.satchel'), { recursive: true, mode: 0o700 });
    const config = JSON.stringify({ sources: [{ id: 'team', path: notes, space: 'team' }] });
    await writeFile(path.join(place.home('a'), '.satchel/config.json'), config, { mode: 0o600 });
    const a = await place.start('a');
    const { space, genesis } = await createSpace(a.deps, 'open');
    await a.local.append(space, EMPTY_HEAD, { records: [genesis], objects: [] });
    await writeFile(path.join(notes, 'deploy.md'), `# Deploy\n\nuse ${TOKEN}\n`);
    await writeFile(path.join(notes, 'fine.md'), 'fine\n');
    const open = await a.addSpace({ space, name: 'team', remote: null, addedAt: 0, recoveryShown: true });
    const captured = async (): Promise<string[]> => (await open.replica.list()).map(({ item }) => item.name).toSorted();
    await ask(a, 'sync', {});
    expect(await captured()).toEqual(['team/fine.md']);

    const { pending } = await ask(a, 'pending', {});
    expect(pending).toMatchObject([{ type: 'secret', path: 'team/deploy.md' }]);
    expect(pending[0]?.what).toBe('sends GitHub token (line 3) to team, which others can read');
    const everything = JSON.stringify([
      pending,
      await ask(a, 'status', {}),
      await ask(a, 'doctor', {}),
      await ask(a, 'pending-show', { id: pending[0]?.id ?? '' }),
    ]);
    expect(everything).not.toContain(TOKEN.slice(4, 14));
    expect(await readFile(a.home.log, 'utf8').catch(() => '')).not.toContain(TOKEN.slice(4, 14));

    const id = pending[0]?.id ?? '';
    expect((await ask(a, 'answer-pending', { answer: 'reject', ids: [id] })).left).toBe(0);
    expect((await ask(a, 'status', {})).spaces.map(({ pending: count }) => count)).toEqual([0, 0]);
    expect(await captured()).toEqual(['team/fine.md']);
    await ask(a, 'answer-pending', { answer: 'approve', ids: [id] });
    expect(await captured()).toEqual(['team/deploy.md', 'team/fine.md']);
    expect((await ask(a, 'pending', {})).pending).toEqual([]);
  });
});

describe('secrets in what is captured', () => {
  it('are reported by place and sort, never shown, and forgotten once they are gone', async () => {
    const a = await place.start('a');
    await place.write('a', `# Notes\n\nThe token is ${TOKEN}.\n`);
    await place.write('a', 'nothing here\n', 'rules/a.md');
    await ask(a, 'sync', {});
    expect(await secretsOf(a, 1)).toBe(1);
    const { checks } = await ask(a, 'doctor', {});
    const check = checks.find(({ id }) => id === 'secrets:personal');
    expect(check).toMatchObject({ result: 'warn', severity: 'low', evidence: ['CLAUDE.md, line 3: GitHub token'] });
    expect(JSON.stringify(checks)).not.toContain(TOKEN.slice(4, 14));

    await place.stop('a');
    const again = await place.start('a');
    expect((await ask(again, 'status', {})).spaces[0]?.secrets).toBe(1);
    await place.write('a', '# Notes\n');
    await ask(again, 'sync', {});
    expect(await secretsOf(again, 0)).toBe(0);
  });

  it('are reported of what was typed, of a transcript, and of settings that spell them out; the first two travel as they are', async () => {
    const session = 'projects/-opt-app/1b4e28ba-2fa1-41d2-883f-0016d3cca427.jsonl';
    const said = `${JSON.stringify({ type: 'user', cwd: '/opt/app', message: { role: 'user', content: `use ${TOKEN}` } })}\n`;
    const typed = `${JSON.stringify({ display: `use ${TOKEN}`, timestamp: 1, project: '/opt/other' })}\n`;
    // As settings were captured before this form of token was known.
    const folder = path.join(place.home('a'), '.satchel');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const config = JSON.stringify({ claude: { notSecret: ['settings.json#/env/GREETING'] } });
    await writeFile(path.join(folder, 'config.json'), config, { mode: 0o600 });
    const a = await place.start('a');
    const b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
    await place.write('a', said, session);
    await place.write('a', typed, 'history.jsonl');
    await place.write('a', JSON.stringify({ env: { GREETING: TOKEN } }), 'settings.json');
    for (const node of [a, b]) await ask(node, 'sync', {});
    expect(await secretsOf(a, 3)).toBe(3);
    const check = (await ask(a, 'doctor', {})).checks.find(({ id }) => id === 'secrets:personal');
    expect(check?.evidence?.join()).toMatch(/history\.jsonl, line 1.*settings\.json, line 1/s);
    expect(await place.read('b', 'history.jsonl')).toBe(typed);
    const shown = await ask(a, 'show', { item: 'history.jsonl' });
    expect(shown.body).toContain(TOKEN);
  });

  it('are looked for in a long transcript from where the last process came to', async () => {
    const session = 'projects/-opt-app/1b4e28ba-2fa1-41d2-883f-0016d3cca427.jsonl';
    const line = (text: string): string =>
      `${JSON.stringify({ type: 'user', cwd: '/opt/app', message: { role: 'user', content: text } })}\n`;
    const lines = Array.from({ length: 800 }, () => line(randomBytes(1_500).toString('hex')));
    await place.write('a', line(`use ${TOKEN}`) + lines.join(''), session);
    const a = await place.start('a');
    await ask(a, 'sync', {});
    expect(await secretsOf(a, 1)).toBe(1);
    await place.stop('a');

    await place.write('a', line(`use ${TOKEN}`) + lines.join('') + line(`and ${TOKEN}`), session);
    const again = await place.start('a');
    const [open] = again.spaces.values();
    const read = vi.spyOn(open!.replica.bodies, 'readStart');
    await ask(again, 'sync', {});
    const evidence = async (): Promise<string> =>
      (await ask(again, 'doctor', {})).checks.find(({ id }) => id === 'secrets:personal')?.evidence?.join() ?? '';
    await expect.poll(evidence).toMatch(/line 1: GitHub token.*line 802/s);
    const bytes = read.mock.calls.flatMap(([{ pieces }]) => pieces).reduce((sum, { length }) => sum + length, 0);
    expect(bytes).toBeLessThan(1_200_000);
  });
});
