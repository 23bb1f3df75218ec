import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';

interface Invitation {
  readonly link: string;
  readonly address: string;
}
interface Status {
  readonly address: string;
  readonly spaces: readonly { readonly position: number; readonly words: string }[];
}

describe('two machines without a hub', () => {
  const { root, remove } = makeRoot();
  const [ana, bea, cem] = ['ana', 'bea', 'cem'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine, Machine];

  beforeAll(async () => {
    ana.write('CLAUDE.md', '# Be kind\n');
    await ana.start();
  });
  afterAll(async () => {
    await Promise.all([ana, bea, cem].map((m) => m.kill()));
    remove();
  });

  it('takes what a fresh home holds, and a second machine by one link', async () => {
    expect((await ana.runAsking(['log'])).stdout).toContain('CLAUDE.md');
    expect((await ana.runAsking(['log', '--before', '0'])).stdout).toBe('Nothing is older than record 0.\n');
    const { link } = await ana.ask<Invitation>(['invite']);
    await bea.start(['join', link, '--name', 'bea']);
    await until('bea has it', () => bea.read('CLAUDE.md') === '# Be kind\n');
    bea.write('rules/b.md', 'from bea\n');
    await until('ana has it', () => ana.read('rules/b.md') === 'from bea\n');
  });

  it('brings a saved file to the other machine soon', async () => {
    const took: number[] = [];
    for (let i = 0; i < 20; i++) {
      const [from, to] = i % 2 === 0 ? [ana, bea] : [bea, ana];
      await sleep(100); // as `until` would, which would count here
      const began = performance.now();
      from.write('rules/pace.md', `${i}\n`);
      await until(`${to.name} has save ${i} of ${from.name}`, () => to.read('rules/pace.md') === `${i}\n`, { every: 2, rest: 0 });
      took.push(performance.now() - began);
    }
    took.sort((a, b) => a - b);
    console.log(`saved here, readable there: p50 ${took[9]?.toFixed()} ms, p95 ${took[18]?.toFixed()} ms`);
    expect(bea.read('rules/pace.md')).toBe(ana.read('rules/pace.md'));
  });

  it('shows both machines the same words for the same history', async () => {
    const [a, b] = await Promise.all([ana, bea].map((m) => m.ask<Status>(['status'])));
    expect(a?.spaces[0]).toMatchObject({ position: b?.spaces[0]?.position, words: b?.spaces[0]?.words });
  });

  it('prints versions byte for byte, and differences as patch takes them', async () => {
    const body = '\ufeff# Tabs\there\r\nno \u001b[2J end';
    ana.write('rules/odd.md', body);
    await until('bea has it', () => bea.read('rules/odd.md') === body);
    expect((await bea.runAsking(['show', 'rules/odd.md'])).stdout).toBe(body);
    expect((await bea.runAsking(['show', path.join(bea.claude, 'rules/odd.md')])).stdout).toBe(body);
    const { stdout: patch } = await bea.runAsking(['diff', 'rules/odd.md']);
    expect(patch).toMatch(/^--- \/dev\/null\n\+\+\+ b\/rules\/odd\.md\tby [^\n]+, [^\n]*\d\d:\d\d\n@@ -0,0 \+1,2 @@\n/);
    const folder = path.join(root, 'patched');
    mkdirSync(folder);
    execFileSync('git', ['apply', '-'], { cwd: folder, input: patch, env: { ...bea.env, GIT_CEILING_DIRECTORIES: root } });
    expect(readFileSync(path.join(folder, 'rules/odd.md'), 'utf8')).toBe(body);
  });

  it.each([
    ['damaged', (link: string) => link.slice(0, -8)],
    ['changed', (link: string) => link.replace(/(#satchel1\..{60})(.)/, (_, head: string, c: string) => head + (c === 'A' ? 'B' : 'A'))],
    ['of an unknown version', (link: string) => link.replace('#satchel1.', '#satchel9.')],
    ['without its secret', (link: string) => link.replace(/#.*/, '#')],
    ['huge', (link: string) => link + 'A'.repeat(60_000)],
  ])('refuses a link that is %s', async (_, spoil) => {
    const { link } = await ana.ask<Invitation>(['invite']);
    const refused = await cem.run(['join', spoil(link), '--once']);
    expect([2, 5]).toContain(refused.code);
    expect(refused.stderr).toMatch(/^satchel: /);
    expect(cem.read('CLAUDE.md')).toBeNull();
    expect([refused, existsSync(cem.store)]).toEqual([refused, false]);
  });

  it('refuses a link that expired, and changes nothing', async () => {
    const answer = await ask('invite', '{"minutes":0.05}');
    const { link } = (JSON.parse(answer[1]) as { result: Invitation }).result;
    await sleep(3_100);
    const refused = await cem.run(['join', link, '--name', 'cem', '--once']);
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain('expired');
    expect(cem.read('CLAUDE.md')).toBeNull();
    expect(existsSync(cem.store)).toBe(false);
  });

  const ask = async (operation: string, body: string, headers: Record<string, string> = {}): Promise<[number, string]> => {
    const token = readFileSync(path.join(ana.store, 'api-token'), 'utf8').trim();
    const { address } = await ana.ask<Status>(['status']);
    const answer = await fetch(`${address}/v1/node/${operation}`, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    });
    return [answer.status, await answer.text()];
  };

  it('answers wrong requests with their reason, and nothing without the token', async () => {
    const before = await ana.ask<Status>(['status']);
    for (const item of ['a\0b', '../../etc/passwd', '/etc/passwd', 'x'.repeat(3_000), '', '//', 'CLAUDE.md/', '.'])
      expect([item, (await ask('show', JSON.stringify({ item })))[1]]).toEqual([item, expect.stringContaining('"kind":"usage"')]);
    for (const input of ['null', '[]', '{"item":5}', '{"item":"CLAUDE.md","more":1}', '{"revision":"%"}', '{"item":{"a":1}}'])
      expect([input, (await ask('show', input))[1]]).toEqual([input, expect.stringContaining('"kind":"usage"')]);
    expect((await ask('log', '{"limit":1e9}'))[1]).toContain('"kind":"usage"');
    expect((await ask('show', '{'))[0]).toBe(400);
    expect((await ask('show', '{}', { 'content-type': 'text/plain' }))[0]).toBe(415);
    expect((await ask('constructor', '{}'))[0]).toBe(404);
    expect((await ask('show', '{}', { authorization: 'Bearer wrong' }))[0]).toBe(401);
    expect((await ask('show', '{}', { origin: 'https://evil.example' }))[0]).toBe(403);
    expect((await ask('show', `{"item":"${'x'.repeat(65 * 1024 * 1024)}"}`).catch(() => [413]))[0]).toBe(413);
    expect((await ana.ask<Status>(['status'])).spaces).toMatchObject([{ position: before.spaces[0]?.position }]);
  });
});
