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
  expect((await ana.runAsking(['machines', 'role', 'bea', 'reader'])).code).toBe(0);
  const status = (): Promise<{ spaces: readonly { role: string; drafts: number }[] }> => bea.ask(['status']);
  await until('bea knows', async () => (await status()).spaces[0]?.role === 'reader');
  bea.write('CLAUDE.md', 'edited by a reader\n');

  const synced = await bea.runAsking(['sync']);
  const kept = /1 change made here is kept, and not sent: this machine is a reader there\. An owner makes it a writer/;
  expect([synced.code, synced.stdout]).toEqual([5, expect.stringMatching(kept)]);
  const said = await bea.runAsking(['status']);
  expect([said.code, said.stdout]).toEqual([5, expect.stringMatching(kept)]);
  expect((await bea.runAsking(['doctor'])).stdout).toMatch(/1 change made here is kept, and not sent: this machine is a reader/);
  expect(ana.read('CLAUDE.md')).toBe('base\n');

  expect((await ana.runAsking(['machines', 'role', 'bea', 'writer'])).code).toBe(0);
  await until('it arrives', () => ana.read('CLAUDE.md') === 'edited by a reader\n');
  expect((await bea.runAsking(['sync'])).code).toBe(0);
});

it('gives a reader that was revoked advice that can be followed', async () => {
  expect((await ana.runAsking(['machines', 'role', 'bea', 'reader'])).code).toBe(0);
  const roleAndDrafts = async (): Promise<string> => {
    const { spaces } = await bea.ask<{ spaces: readonly { role: string; drafts: number }[] }>(['status']);
    return `${spaces[0]?.role} ${spaces[0]?.drafts}`;
  };
  await until('bea knows', async () => (await roleAndDrafts()) === 'reader 0');
  bea.write('CLAUDE.md', 'never sent\n');
  await bea.runAsking(['sync']);
  expect(await roleAndDrafts()).toBe('reader 1');
  expect((await ana.runAsking(['machines', 'revoke', 'bea', '--yes'])).code).toBe(0);
  await until('bea is told', async () => (await bea.runAsking(['sync'])).stderr.includes('was revoked by'));

  const said = await bea.runAsking(['status']);
  const [first] = said.stdout.split('\n');
  expect([said.code, first]).toEqual([
    1,
    expect.stringMatching(/^Not syncing: this machine was revoked by .*1 change made here was sent nowhere.*satchel leave --discard$/),
  ]);
  expect(said.stdout).toMatch(/It stands in your files[^]*join again[^]*To clean up: satchel leave --purge --discard \(your files stay\)/);
  const doctor = await bea.runAsking(['doctor']);
  expect(doctor.stdout).toMatch(/1 change made here was sent nowhere[^]*satchel leave --purge --discard/);
  expect(doctor.stdout).not.toContain('makes it a writer');

  const refused = await bea.run(['leave', '--purge']);
  expect([refused.code, refused.stderr]).toEqual([
    5,
    expect.stringMatching(/This machine was revoked[^]*satchel leave --purge --discard\n/),
  ]);
  expect(refused.stderr).not.toMatch(/satchel sync|Do that first/);
  const left = await bea.run(['leave', '--purge', '--discard', '--yes']);
  expect([left.code, left.stderr, bea.read('CLAUDE.md')]).toEqual([0, '', 'never sent\n']);
});
