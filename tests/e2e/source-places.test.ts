import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
const [ana, bea, cem] = ['ana', 'bea', 'cem'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine, Machine];

afterAll(async () => {
  await Promise.all([ana, bea, cem].map((machine) => machine.kill()));
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
  expect(ana.output).toContain(`${file} is a file, and no folder, so nothing of it is carried. Name a folder`);
  expect(ana.output).toMatch(
    /\/nowhere is not there, so nothing of it is carried\. Make the folder, or correct the path of "y" in .*config\.json\n/,
  );
  const status = await ana.ask<Status>(['status']);
  expect(status.verdict).toBe(
    `Not syncing: a file stands there, and no folder: nothing of it is carried (${file}). Name a folder in config.json, or in CLAUDE_CONFIG_DIR`,
  );
  const of = (id: string) => status.spaces[0]?.sources.find((source) => source.id === id);
  expect(of('x')).toMatchObject({ state: 'no-folder' });
  expect(of('y')).toMatchObject({ state: 'ok', detail: 'not there yet' });
  expect((await ana.runAsking(['status'])).stdout).toContain(`carries ${path.join(root, 'nowhere')}: not there yet`);
  expect((await ana.runAsking(['doctor'])).stdout).toContain(`${file} is a file, and no folder`);
});

it('names what stays on its machine in a folder of one’s own, and a Claude home that is a file', async () => {
  const notes = path.join(root, 'notes');
  mkdirSync(notes);
  writeFileSync(path.join(notes, 'a.md'), 'a\n');
  writeFileSync(path.join(root, 'outside'), 'elsewhere\n');
  symlinkSync(path.join(root, 'outside'), path.join(notes, 'link'));
  execFileSync('mkfifo', [path.join(notes, 'pipe')]);
  rmSync(cem.claude, { recursive: true });
  writeFileSync(cem.claude, 'no folder');
  mkdirSync(cem.store, { mode: 0o700 });
  writeFileSync(path.join(cem.store, 'config.json'), JSON.stringify({ sources: [{ id: 'notes', path: notes }] })); // umask 022
  await cem.start();
  expect(cem.output).toContain(`${cem.claude} is a file, and no folder, so nothing of it is carried`);
  const { stdout } = await cem.runAsking(['status']);
  expect(stdout).toMatch(/^Not syncing: a file stands there, and no folder/);
  expect(stdout).toMatch(/ {4}pipe is not carried: is neither a file nor a link\n/);
  expect(stdout).toMatch(/ {4}link is not carried: is a link to a file elsewhere/);
});

it('says in doctor what is wrong with config.json, beside how the home is', async () => {
  const dan = new Machine(root, 'dan', inject('program'));
  mkdirSync(dan.store, { mode: 0o700 });
  writeFileSync(path.join(dan.store, 'config.json'), '{ "sources": [');
  const { code, stdout } = await dan.runAsking(['doctor', '--all']);
  expect([code, stdout]).toEqual([
    1,
    expect.stringMatching(/FAIL config: .*config\.json: is not JSON[^]*→ Correct it there, or remove the file/),
  ]);
  expect(stdout).toMatch(/ok {3}home\.modes/);
  await dan.kill();
});

it('says on the first line that a file is not carried as it stands, what to do, and that all is well once it is mended', async () => {
  bea.write('settings.json', '{}\n');
  bea.write('rules/a.md', 'a\n');
  await bea.start();
  const first = async (): Promise<string> => (await bea.runAsking(['status'])).stdout.split('\n')[0] ?? '';
  await until('all is kept', async () => (await first()).startsWith('Everything is kept here'));
  execFileSync('mkfifo', [path.join(bea.claude, 'rules/pipe.md')]);
  bea.write('settings.json', '{ broken\n');
  expect((await bea.runAsking(['sync'])).code).toBe(0);
  const status = await bea.runAsking(['status']);
  expect([status.code, status.stdout]).toEqual([
    1,
    expect.stringMatching(
      /^Not everything is in sync: settings\.json is not carried: cannot be read: not JSON\. Mend it; how: satchel doctor\n/,
    ),
  ]);
  expect(status.stdout).toContain('rules/pipe.md is not carried: is neither a file nor a link');
  const doctor = (await bea.runAsking(['doctor'])).stdout;
  expect(doctor).toMatch(/1 file is not carried as it stands now[^]*Mend what the reason says[^]*satchel restore FILE/);
  expect(doctor).toMatch(/1 file, link or pipe stays on this machine[^]*rules\/pipe\.md: is neither a file nor a link[^]*Each says why/);
  bea.write('settings.json', '{ }\n');
  await until('all is kept again', async () => (await first()).startsWith('Everything is kept here'));
  expect((await bea.runAsking(['status'])).code).toBe(0);
});
