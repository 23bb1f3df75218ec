import { lstat, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { savePort } from './save-port.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'satchel-port-'));
});
afterEach(() => rm(root, { recursive: true }));

it('makes config.json, private, and leaves what else it says', async () => {
  const file = path.join(root, 'config.json');
  await savePort(file, 4601);
  expect([JSON.parse(await readFile(file, 'utf8')), (await stat(file)).mode & 0o777]).toEqual([{ port: 4601 }, 0o600]);
  await writeFile(file, '{"port": 1, "claude": {"exclude": ["x"]}}');
  await savePort(file, 4602);
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ port: 4602, claude: { exclude: ['x'] } });
});

it('leaves a link a link, and a file that it cannot read as it is', async () => {
  const [file, target] = [path.join(root, 'config.json'), path.join(root, 'dotfile')];
  await writeFile(target, 'no JSON', { mode: 0o600 });
  await symlink(target, file);
  await expect(savePort(file, 4601)).rejects.toThrow('not valid JSON');
  expect(await readFile(target, 'utf8')).toBe('no JSON');
  await writeFile(target, '{}');
  await savePort(file, 4601);
  expect([(await lstat(file)).isSymbolicLink(), await readFile(target, 'utf8')]).toEqual([true, '{\n  "port": 4601\n}\n']);
});
