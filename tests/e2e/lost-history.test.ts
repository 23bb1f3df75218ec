import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';

describe('a folder that lost bodies of the history, which one machine has', () => {
  const { root, remove } = makeRoot();
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine];
  const stick = path.join(root, 'stick');
  const REMEDY = /On a machine that has them, run: satchel (store verify [^;,.]*)/;

  beforeAll(async () => {
    mkdirSync(stick);
    await ana.start();
    await ana.ask(['remotes', 'add', stick]);
    await ana.ask(['spaces', 'move', 'personal', stick]);
    for (let n = 0; n < 3; n++) {
      ana.write('CLAUDE.md', `${n} ${'words of a version\n'.repeat(40)}`);
      await ana.ask(['sync']);
    }
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', link, '--name', 'bea', '--yes']);
    await until('bea has it', () => bea.read('CLAUDE.md')?.startsWith('2 ') === true);
    const kept = readdirSync(stick, { recursive: true, encoding: 'utf8' }).filter((name) => /(?:^|\/)objects$/.test(name));
    expect(kept).not.toEqual([]);
    for (const name of kept) rmSync(path.join(stick, name), { recursive: true });
  });
  afterAll(async () => {
    await Promise.all([ana, bea].map((machine) => machine.kill()));
    remove();
  });

  it('is brought them by what is named to whoever misses them, and only then left', async () => {
    const looked = await bea.run(['store', 'verify', '--full']);
    expect([looked.code, looked.stdout]).toEqual([1, expect.stringContaining('neither here nor at the remote')]);
    const refused = await bea.runAsking(['spaces', 'move', 'personal', 'here']);
    expect([refused.code, refused.stderr]).toEqual([5, expect.stringMatching(REMEDY)]);
    const remedies = [looked.stdout, refused.stderr].map((said) => REMEDY.exec(said)?.[1]);
    expect(new Set(remedies).size).toBe(1);
    const followed = await ana.run(String(remedies[0]).split(' '));
    expect([followed.code, followed.stdout]).toEqual([0, expect.stringMatching(/\d+ brought to the remote again/)]);
    expect((await bea.run(['store', 'verify', '--full'])).code).toBe(0);
    expect((await bea.runAsking(['spaces', 'move', 'personal', 'here'])).code).toBe(0);
  });
});
