import { execFileSync } from 'node:child_process';
import { chmod, link, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPrivateFile, shellWord } from './private-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'satchel private-'));
  await chmod(folder, 0o755);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const CLOSED = { mayLieClosed: true };

async function write(mode: number, content: string | Uint8Array = 'key'): Promise<string> {
  const file = path.join(folder, "it's a key");
  await writeFile(file, content);
  await chmod(file, mode);
  return file;
}

describe('readPrivateFile', () => {
  it.each([0o600, 0o400])('reads mode %o', async (mode) => {
    expect(await readPrivateFile(await write(mode))).toEqual({ ok: true, value: 'key' });
  });

  it.each([0o640, 0o604, 0o620, 0o602, 0o777])('refuses mode %o with a command that works', async (mode) => {
    const file = await write(mode);
    const refused = await readPrivateFile(file);
    if (refused.ok) throw new Error('expected a refusal');
    execFileSync('sh', ['-c', refused.error.fix.replace('Run: ', '')]);
    expect(await readPrivateFile(file)).toEqual({ ok: true, value: 'key' });
  });

  it('takes any mode where its folder lets nobody else in, if that will do; a second name elsewhere gives it away', async () => {
    const file = await write(0o644);
    await chmod(folder, 0o700);
    expect(await readPrivateFile(file, CLOSED)).toEqual({ ok: true, value: 'key' });
    expect(await readPrivateFile(file)).toMatchObject({ ok: false });
    const open = await mkdtemp(path.join(tmpdir(), 'satchel open-'));
    try {
      await chmod(open, 0o755);
      const outside = path.join(open, 'link');
      await symlink(file, outside);
      expect(await readPrivateFile(outside, CLOSED)).toEqual({ ok: true, value: 'key' });
      await link(file, path.join(open, 'second'));
      expect(await readPrivateFile(file, CLOSED)).toMatchObject({ error: { message: 'can be read by other users (mode 0644)' } });
    } finally {
      await rm(open, { recursive: true });
    }
    for (const mode of [0o710, 0o701, 0o755]) {
      await chmod(folder, mode);
      expect(await readPrivateFile(await write(0o644), CLOSED)).toMatchObject({ ok: false });
    }
  });

  it('checks the file behind a link', async () => {
    const file = await write(0o644);
    const other = path.join(folder, 'link');
    await symlink(file, other);
    expect(await readPrivateFile(other)).toMatchObject({ ok: false });
  });

  it('answers null for none, and refuses what is no text or too large', async () => {
    expect(await readPrivateFile(path.join(folder, 'none'))).toEqual({ ok: true, value: null });
    expect(await readPrivateFile(await write(0o600, Uint8Array.of(0xff, 0xfe)))).toMatchObject({ error: { message: 'is not UTF-8 text' } });
    expect(await readPrivateFile(await write(0o600, new Uint8Array(1024 * 1024 + 1)))).toMatchObject({ ok: false });
    expect(await readPrivateFile(folder)).toMatchObject({ error: { message: 'is not a plain file' } });
  });

  it('does not hang on a named pipe', async () => {
    const pipe = path.join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(await readPrivateFile(pipe)).toMatchObject({ error: { message: 'is not a plain file' } });
  });
});

describe('shellWord', () => {
  it.each(['a', 'a b', "it's", '$(x)', '', '"', '\\'])('%s survives a shell', (text) => {
    expect(execFileSync('sh', ['-c', `printf %s ${shellWord(text)}`], { encoding: 'utf8' })).toBe(text);
  });
});
