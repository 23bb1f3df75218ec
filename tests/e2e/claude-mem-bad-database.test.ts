import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { MemDatabase } from '../sources/mem-database.ts';
import type { BadDatabase } from './bad-uses.ts';
import { folderState } from './folder-state.ts';
import { Machine, makeRoot } from './machine.ts';
import { putBadDatabase } from './put-bad-database.ts';
import { runHere } from './run-here.ts';

/** What is asked of a machine whose node does not run, and whose claude-mem keeps something else than its database, or what nobody can read. */
const { root, remove } = makeRoot();
const ana = new Machine(root, 'ana', inject('program'));
const folder = path.join(ana.home, '.claude-mem');
const file = path.join(folder, 'claude-mem.db');
const settings = path.join(folder, 'settings.json');
const BEFORE = '{\n  "CLAUDE_MEM_MODEL": "x",\n  "CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID": "d"\n}\n';

beforeAll(async () => {
  await ana.start();
  await ana.stop();
});
afterAll(async () => {
  await ana.kill();
  remove();
});
beforeEach(() => {
  mkdirSync(folder);
  writeFileSync(settings, BEFORE);
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (...args: readonly string[]) => runHere(args, ana.home);
const BAD: readonly (readonly [BadDatabase, string])[] = [
  ['a folder', 'unreadable'],
  ['no database', 'damage'],
  ['another program’s', 'unreadable'],
  ['damaged', 'damage'],
  ['another log', 'wal'],
];

describe.each(BAD)('%s', (what, check) => {
  it('is refused by connect before anything is written, and named by doctor and repair', async () => {
    putBadDatabase(ana.home, what);
    const before = folderState(folder);
    const connected = await run('claude-mem', 'connect');
    expect([connected.code, connected.stderr]).toEqual([2, expect.stringContaining('nothing was changed')]);
    expect(folderState(folder)).toEqual(before);
    expect(existsSync(path.join(ana.store, 'claude-mem-connection.json'))).toBe(false);
    expect((await run('claude-mem', 'serve')).stdout).toContain('Nobody may sync yet');
    const doctor = await run('doctor');
    expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringContaining(`claude-mem.${check}`)]);
    expect((await run('claude-mem', 'repair')).stdout).toMatch(new RegExp(`^${check}: `));
    expect(await run('claude-mem', 'disconnect')).toMatchObject({ code: 0, stdout: 'claude-mem was not connected.\n' });
  });

  it('that came after connect is refused by import, and keeps nobody from disconnecting', async () => {
    const connected = await run('claude-mem', 'connect');
    expect(connected.code).toBe(0);
    expect(connected.stderr).toMatch(/no database here yet[^]*node is not running[^]*satchel up/);
    putBadDatabase(ana.home, what);
    const imported = await run('claude-mem', 'import');
    expect([imported.code, imported.stderr]).toEqual([2, expect.stringMatching(/run this again/)]);
    expect((await run('doctor')).stdout).toContain(`claude-mem.${check}`);
    expect(await run('claude-mem', 'disconnect')).toMatchObject({ code: 0 });
    expect(readFileSync(settings, 'utf8')).toBe(BEFORE);
    expect((await run('claude-mem', 'serve')).stdout).toContain('Nobody may sync yet');
  });
});

describe('settings that are no JSON', () => {
  const CUT = BEFORE.slice(0, -3);

  it('are refused by connect, whichever node it is to go to, before a token is read or made', async () => {
    // As one file, beside which who only reads leaves nothing.
    const database = new MemDatabase(file, '13.25.3');
    database.sql.pragma('journal_mode = DELETE');
    database.close();
    writeFileSync(settings, CUT);
    const before = folderState(folder);
    for (const hub of [[], ['--hub', 'http://127.0.0.1:1']]) {
      const { code, stderr } = await run('claude-mem', 'connect', ...hub);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/settings\.json was left alone: it is not JSON[^]*nothing was changed/)]);
    }
    expect(folderState(folder)).toEqual(before);
    expect(existsSync(path.join(ana.store, 'claude-mem-connection.json'))).toBe(false);
    expect((await run('claude-mem', 'serve')).stdout).toContain('Nobody may sync yet');
  });

  it('that became so after connect are refused by it, import and disconnect, which undoes all once they are mended', async () => {
    new MemDatabase(file, '13.25.3').close();
    expect((await run('claude-mem', 'connect')).code).toBe(0);
    const mended = readFileSync(settings, 'utf8');
    writeFileSync(settings, mended.slice(0, -3));
    const before = folderState(folder);
    for (const verb of ['connect', 'import', 'disconnect']) {
      const { code, stderr } = await run('claude-mem', verb);
      expect([verb, code, stderr]).toEqual([verb, 2, expect.stringContaining('settings.json was left alone: it is not JSON')]);
    }
    expect(folderState(folder)).toEqual(before);
    writeFileSync(settings, mended);
    expect((await run('claude-mem', 'disconnect')).code).toBe(0);
    expect(readFileSync(settings, 'utf8')).toBe(BEFORE);
  });

  it('a folder that this user may not write into is refused in the same way', async () => {
    const release = forbidWriting(folder);
    try {
      const { code, stderr } = await run('claude-mem', 'connect');
      expect([code, stderr]).toEqual([2, expect.stringMatching(/settings\.json was left alone: this user may not write/)]);
      expect((await run('claude-mem', 'serve')).stdout).toContain('Nobody may sync yet');
    } finally {
      release();
    }
  });
});

/** Answers what allows it again. No mode keeps root out: for root it is on a disk that can only be read. */
function forbidWriting(of: string): () => void {
  if (process.getuid?.() !== 0) {
    chmodSync(of, 0o500);
    return () => chmodSync(of, 0o700);
  }
  execFileSync('mount', ['--bind', of, of]);
  execFileSync('mount', ['-o', 'remount,ro,bind', of]);
  return () => void execFileSync('umount', [of]);
}

it('one that another program has locked for itself is called so, and not damaged', async () => {
  new MemDatabase(file, '13.25.3').close();
  const script = `const database = new (require('better-sqlite3'))(process.argv[1]);
    database.pragma('locking_mode = EXCLUSIVE');
    database.exec('BEGIN EXCLUSIVE; CREATE TABLE held (text); COMMIT');
    console.log('locked'); setInterval(() => 0, 1000);`;
  const holder = spawn(process.execPath, ['-e', script, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const connected = await run('claude-mem', 'connect');
    expect([connected.code, connected.stderr]).toEqual([2, expect.stringContaining('has locked claude-mem’s database')]);
    expect(readFileSync(settings, 'utf8')).toBe(BEFORE);
    const { stdout, code } = await run('doctor');
    expect([code, stdout]).toEqual([1, expect.stringContaining('claude-mem.unreadable')]);
    expect(stdout).not.toContain('claude-mem.damage');
    expect((await run('claude-mem', 'repair', '--yes')).stdout).toMatch(/^unreadable: .*locked/);
  } finally {
    holder.kill('SIGKILL');
  }
});
