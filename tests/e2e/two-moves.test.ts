import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';

describe('a home that somebody takes for lost', () => {
  const { root, remove } = makeRoot();
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine];
  const place = (name: string): string => path.join(root, name);
  const homeOf = async (machine: Machine): Promise<string | null> =>
    (await machine.ask<{ spaces: readonly { remote: string | null }[] }>(['spaces'])).spaces[0]?.remote ?? null;
  /** Each machine knows the place before it is needed. */
  async function add(name: string): Promise<string> {
    mkdirSync(place(name), { recursive: true });
    for (const machine of [ana, bea]) await machine.ask(['remotes', 'add', place(name)]);
    return place(name);
  }
  const invited = async (machine: Machine): Promise<string> => (await machine.ask<{ link: string }>(['invite'])).link;

  beforeAll(async () => {
    ana.write('rules/one.md', 'one\n');
    await ana.start();
    await bea.start(['join', await invited(ana), '--name', 'bea', '--yes']);
    await ana.ask(['spaces', 'move', 'personal', await add('first')]);
    await until('bea follows', async () => (await homeOf(bea)) === `folder:${place('first')}`);
  });
  afterAll(async () => {
    await Promise.all([ana, bea].map((machine) => machine.kill()));
    remove();
  });

  it('is moved from as usual where it answers, and its machines follow', async () => {
    const second = await add('second');
    await bea.stop();
    ana.write('rules/two.md', 'two\n');
    await ana.ask(['sync']);
    const moved = await bea.runAsking(['spaces', 'move', 'personal', second, '--lost']);
    expect([moved.code, moved.stderr]).toEqual([0, '']);
    expect(moved.stdout).toMatch(/The home before answered[^]*other machines follow by themselves/);
    expect(moved.stdout).not.toContain('satchel invite');
    await until('ana follows', async () => (await homeOf(ana)) === `folder:${second}`);
  });

  it('is followed, and not given up, where the space was moved on meanwhile', async () => {
    const [third, fourth] = [await add('third'), await add('fourth')];
    await ana.ask(['spaces', 'move', 'personal', third]);
    const refused = await bea.runAsking(['spaces', 'move', 'personal', fourth, '--lost']);
    expect([refused.code, refused.stdout]).toEqual([5, '']);
    expect(refused.stderr).toMatch(
      /was moved to folder:.*third meanwhile[^]*nothing was changed[^]*satchel spaces move personal \S*fourth\n/,
    );
    expect(await homeOf(bea)).toBe(`folder:${third}`);
    await bea.start();
    bea.write('rules/three.md', 'three\n');
    await until('ana has it', () => ana.read('rules/three.md') === 'three\n');
    await ana.ask(['sync']);
  });

  it('may be given up by two machines for two others, of which one goes on: what is said leads there', async () => {
    const [fifth, sixth] = [await add('fifth'), await add('sixth')];
    rmSync(place('third'), { recursive: true });
    for (const [machine, to] of [[ana, fifth] as const, [bea, sixth] as const]) {
      expect((await machine.runAsking(['spaces', 'move', 'personal', to, '--lost'])).code).toBe(0);
      machine.write(`rules/${machine.name}.md`, `${machine.name}\n`);
      await machine.ask(['sync']);
    }
    const equal = await ana.run(['join', await invited(bea)]);
    expect([equal.code, equal.stdout]).toEqual([5, '']);
    const [, again = ''] = /satchel (spaces move personal \S+ --lost)[^]*then satchel invite/.exec(equal.stderr) ?? [];
    expect(again).toBe(`spaces move personal folder:${fifth} --lost`);
    expect(await homeOf(ana)).toBe(`folder:${fifth}`);
    expect((await ana.run(again.split(' '))).code).toBe(0);
    const newer = await ana.run(['join', await invited(bea)]);
    expect([newer.code, newer.stderr]).toEqual([
      5,
      expect.stringMatching(/moved later[^]*Run here: satchel invite[^]*there: satchel join/),
    ]);
    const joined = await bea.run(['join', await invited(ana)]);
    expect([joined.code, joined.stderr]).toEqual([0, '']);
    await until('both have all', () =>
      [ana, bea].every((machine) => machine.read('rules/ana.md') === 'ana\n' && machine.read('rules/bea.md') === 'bea\n'),
    );
    expect(await homeOf(bea)).toBe(`folder:${fifth}`);
    for (const machine of [ana, bea]) expect((await machine.runAsking(['conflicts'])).stdout).toBe('No open conflicts.\n');
  });
});
