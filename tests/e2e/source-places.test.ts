import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';

interface Status {
  readonly verdict: string;
  readonly spaces: readonly {
    readonly sources: readonly { readonly id: string; readonly state: string; readonly detail: string | null }[];
  }[];
}

const { root, remove } = makeRoot();
const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine];

afterAll(async () => {
  await Promise.all([ana, bea].map((machine) => machine.kill()));
  remove();
});

it('says of a source that is a file, or not there, that it is not carried', async () => {
  const file = path.join(root, 'a-file');
  writeFileSync(file, 'no folder');
  mkdirSync(ana.store, { mode: 0o700 });
  const sources = [
    { id: 'x', path: file },
    { id: 'y', path: path.join(root, 'nowhere') },
  ];
  writeFileSync(path.join(ana.store, 'config.json'), JSON.stringify({ sources }), { mode: 0o600 });
  await ana.start();
  const status = await ana.ask<Status>(['status']);
  expect(status.verdict).toBe(
    `Not syncing: a file stands there, and no folder: nothing of it is carried (${file}). Name a folder in config.json, or in CLAUDE_CONFIG_DIR`,
  );
  const of = (id: string) => status.spaces[0]?.sources.find((source) => source.id === id);
  expect(of('x')).toMatchObject({ state: 'no-folder' });
  expect(of('y')).toMatchObject({ state: 'ok', detail: 'not there yet' });
  expect((await ana.run(['status'])).stdout).toContain(`carries ${path.join(root, 'nowhere')}: not there yet`);
  expect((await ana.run(['doctor'])).stdout).toContain(`${file} is a file, and no folder`);
});

it('says on the first line that a file is not carried as it stands, what to do, and that all is well once it is mended', async () => {
  bea.write('settings.json', '{}\n');
  bea.write('rules/a.md', 'a\n');
  await bea.start();
  const first = async (): Promise<string> => (await bea.run(['status'])).stdout.split('\n')[0] ?? '';
  await until('all is kept', async () => (await first()).startsWith('Everything is kept here'));
  execFileSync('mkfifo', [path.join(bea.claude, 'rules/pipe.md')]);
  bea.write('settings.json', '{ broken\n');
  expect((await bea.run(['sync'])).code).toBe(0);
  const status = await bea.run(['status']);
  expect([status.code, status.stdout]).toEqual([
    1,
    expect.stringMatching(
      /^Not everything is in sync: settings\.json is not carried: cannot be read: not JSON\. Mend it; how: satchel doctor\n/,
    ),
  ]);
  expect(status.stdout).toContain('rules/pipe.md is not carried: is neither a file nor a link');
  const doctor = (await bea.run(['doctor'])).stdout;
  expect(doctor).toMatch(/1 file is not carried as it stands now[^]*Mend what the reason says[^]*satchel restore FILE/);
  expect(doctor).toMatch(/1 file, link or pipe stays on this machine[^]*rules\/pipe\.md: is neither a file nor a link[^]*Each says why/);
  bea.write('settings.json', '{ }\n');
  await until('all is kept again', async () => (await first()).startsWith('Everything is kept here'));
  expect((await bea.run(['status'])).code).toBe(0);
});
