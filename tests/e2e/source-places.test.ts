import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, inject, it } from 'vitest';
import { Machine, makeRoot } from './machine.ts';

interface Status {
  readonly verdict: string;
  readonly spaces: readonly {
    readonly sources: readonly { readonly id: string; readonly state: string; readonly detail: string | null }[];
  }[];
}

const { root, remove } = makeRoot();
const ana = new Machine(root, 'ana', inject('program'));

afterEach(async () => {
  await ana.kill();
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
