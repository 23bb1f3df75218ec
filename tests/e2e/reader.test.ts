import { afterAll, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';

const { root, remove } = makeRoot();
const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine];

afterAll(async () => {
  await Promise.all([ana, bea].map((m) => m.kill()));
  remove();
});

it('says on a reader that its changes stay there, until an owner makes it a writer', async () => {
  ana.write('CLAUDE.md', 'base\n');
  await ana.start(['up', '--port', '0']);
  const { link } = await ana.ask<{ link: string }>(['invite']);
  await bea.start(['join', link, '--name', 'bea']);
  await until('bea has it', () => bea.read('CLAUDE.md') === 'base\n');
  expect((await ana.run(['machines', 'role', 'bea', 'reader'])).code).toBe(0);
  const status = (): Promise<{ spaces: readonly { role: string; drafts: number }[] }> => bea.ask(['status']);
  await until('bea knows', async () => (await status()).spaces[0]?.role === 'reader');
  bea.write('CLAUDE.md', 'edited by a reader\n');

  const synced = await bea.run(['sync']);
  const kept = /1 change made here is kept, and not sent: this machine is a reader there\. An owner makes it a writer/;
  expect([synced.code, synced.stdout]).toEqual([5, expect.stringMatching(kept)]);
  const said = await bea.run(['status']);
  expect([said.code, said.stdout]).toEqual([5, expect.stringMatching(kept)]);
  expect((await bea.run(['doctor'])).stdout).toMatch(/1 change made here is kept, and not sent: this machine is a reader/);
  expect(ana.read('CLAUDE.md')).toBe('base\n');

  expect((await ana.run(['machines', 'role', 'bea', 'writer'])).code).toBe(0);
  await until('it arrives', () => ana.read('CLAUDE.md') === 'edited by a reader\n');
  expect((await bea.run(['sync'])).code).toBe(0);
});
