import { mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';
import { askClaude, installClaudeCode } from './claude-code.ts';
import { startMockApi, type MockApi } from './mock-api.ts';

let binary: string;
let api: MockApi;
let root: string;
beforeAll(async () => {
  [binary, api, root] = await Promise.all([installClaudeCode(), startMockApi(), mkdtemp(path.join(tmpdir(), 'satchel-claude-'))]);
  root = await realpath(root);
}, 300_000);
afterAll(async () => {
  await api.close();
  await rm(root, { recursive: true, force: true });
});

describe('Claude Code keeps the sessions of a folder where we say', () => {
  it.each([
    ['plain', 'work/x'],
    ['of many characters', 'my app (2)/x_y.z'],
    ['composed', 'h\u00e9/\u00fc'.normalize('NFC')],
    ['decomposed', 'h\u00e9/\u00fc'.normalize('NFD')],
    ['beyond the first plane', '\u{1f350}'],
    ['longer than 200', `${'a'.repeat(120)}/${'b'.repeat(120)}`],
    ['longer than 200, and its hash negative or not', `${'c'.repeat(120)}/${'d'.repeat(100)}/\u00e9`],
  ])(
    '%s',
    async (_what, folder) => {
      const home = await mkdtemp(path.join(root, 'home-'));
      const cwd = path.join(home, folder);
      await mkdir(cwd, { recursive: true });
      await askClaude(binary, { home, cwd, api: api.url }, ['hello']);
      expect(await readdir(path.join(home, '.claude', 'projects'))).toEqual([projectFolder(cwd)]);
    },
    60_000,
  );

  it('links are resolved first', async () => {
    const home = await mkdtemp(path.join(root, 'home-'));
    await mkdir(path.join(home, 'real'));
    await symlink('real', path.join(home, 'link'));
    await askClaude(binary, { home, cwd: path.join(home, 'link'), api: api.url }, ['hello']);
    expect(await readdir(path.join(home, '.claude', 'projects'))).toEqual([projectFolder(path.join(home, 'real'))]);
  }, 60_000);
});
