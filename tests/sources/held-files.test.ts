import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ailment } from '../../src/sources/claude-mem-health/ailment.ts';
import { findAilments } from '../../src/sources/claude-mem-health/find-ailments.ts';
import { mayNotOpen } from '../../src/sources/claude-mem-health/may-not-open.ts';
import { extent } from '../setup/extent.ts';
import { MemDatabase } from './mem-database.ts';

/** What became of one of a database's files under the process that has them open, or that was killed with them. */
const FATES = ['same', 'moved', 'unlinked', 'replaced'] as const;
type Fate = (typeof FATES)[number];
type WalFate = Fate | 'emptied' | 'written over';
const WAL_FATES: readonly WalFate[] = [...FATES, 'emptied', 'written over'];
const ENDS = ['', '-wal', '-shm'] as const;

/**
 * What became of the memory of the log, where this became of the other two. In the short run: each fate of one file alone, and each two fates
 * of any two files together; in the long run all.
 */
function shmFates(db: Fate, wal: WalFate): readonly Fate[] {
  const [nth, isSame] = [FATES.indexOf(db) + WAL_FATES.indexOf(wal), db === 'same' && wal === 'same'];
  const isPaired = (shm: Fate): boolean => FATES.indexOf(shm) === nth % FATES.length;
  const isAlone = (shm: Fate): boolean => shm === 'same' && (db === 'same' || wal === 'same');
  const isMoved = (shm: Fate): boolean => db === 'moved' && shm === 'moved';
  const some = FATES.filter((shm) => isSame || isPaired(shm) || isAlone(shm) || isMoved(shm));
  return extent<readonly Fate[]>(some, FATES);
}

let root: string;
let holder: ChildProcessWithoutNullStreams;
let answers: AsyncIterator<string>;
/** Another machine's, that was written to the end of its log. */
let another: string;
/** What a worker that was killed left. */
let killed: string;
let cases = 0;

async function say(...words: readonly string[]): Promise<string> {
  holder.stdin.write(`${words.join('\t')}\n`);
  return ((await answers.next()) as { value: string }).value;
}

async function begin(): Promise<void> {
  holder = spawn(process.execPath, [fileURLToPath(new URL('mem-holders.mjs', import.meta.url))], { stdio: ['pipe', 'pipe', 'pipe'] });
  answers = createInterface({ input: holder.stdout })[Symbol.asyncIterator]();
  await answers.next();
}

beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'satchel-held-'));
  await begin();
  const at = path.join(root, 'other.db');
  const made = new MemDatabase(at, '13.25.3');
  made.session('s');
  made.observation('s', 'theirs');
  made.sql.pragma('wal_checkpoint(TRUNCATE)');
  for (const title of ['theirs too', 'theirs as well']) made.observation('s', title);
  another = path.join(root, 'another');
  for (const end of ENDS) copyFileSync(at + end, another + end);
  made.close();
  const left = await held();
  killed = path.join(root, 'killed');
  for (const end of ENDS) copyFileSync(left + end, killed + end);
  await say('close', left);
});
afterAll(() => {
  holder.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

/** A worker's database: `one` is in it, `two` in its log alone. */
async function held(): Promise<string> {
  const folder = path.join(root, `${(cases += 1)}`, '.claude-mem');
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'claude-mem.db');
  const made = new MemDatabase(file, '13.25.3');
  made.session('s');
  made.close();
  expect(await say('open', file)).toBe('ok');
  for (const line of [
    ['save', 'one'],
    ['copyBack', ''],
    ['save', 'two'],
  ] as const)
    expect(await say(line[0], file, line[1])).toBe('ok');
  writeFileSync(path.join(folder, 'worker.pid'), JSON.stringify({ pid: holder.pid }));
  return file;
}

function befall(file: string, end: string, fate: WalFate): void {
  const name = file + end;
  if (fate === 'moved') renameSync(name, `${path.dirname(file)}/moved${end}`);
  else if (fate === 'unlinked') rmSync(name);
  else if (fate === 'replaced') {
    copyFileSync(another + end, `${name}.fresh`);
    renameSync(`${name}.fresh`, name);
  } else if (fate === 'emptied') truncateSync(name, 0);
  else if (fate === 'written over') writeFileSync(name, readFileSync(`${another}-wal`));
}

const filesOf = (file: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(path.dirname(file))
      // What all who read leave beside a database that stands by itself.
      .filter((name) => !name.endsWith('-shm') && readFileSync(path.join(path.dirname(file), name)).length > 0)
      .map((name) => [name, readFileSync(path.join(path.dirname(file), name)).toString('base64')]),
  );
const look = (file: string): Ailment[] => findAilments({ file, device: null, now: 1 });
const idsOf = (file: string): string[] => look(file).map(({ id }) => id);
function titlesIn(file: string): string[] {
  const opened = new MemDatabase(file, '13.25.3');
  try {
    opened.check();
    return opened.sql.prepare('SELECT title FROM observations ORDER BY title').pluck().all() as string[];
  } finally {
    opened.close();
  }
}

async function repair(file: string, id: string): Promise<{ readonly rescued: readonly string[]; readonly lines: readonly string[] }> {
  const backups = path.join(path.dirname(file), '..', `backups-${id}-${Math.random()}`);
  mkdirSync(backups);
  const done = await look(file)
    .find((each) => each.id === id)
    ?.repair?.(backups);
  expect(done).toMatchObject({ type: 'done' });
  return done?.type === 'done' ? done : { rescued: [], lines: [] };
}

describe.each(FATES)('the database is %s', (db) => {
  describe.each(WAL_FATES)('the log is %s', (wal) => {
    it.each(shmFates(db, wal))('the memory of the log is %s: it is named for what it is, and its repair loses nothing', async (shm) => {
      const file = await held();
      befall(file, '', db);
      befall(file, '-wal', wal);
      befall(file, '-shm', shm);
      const isSame = db === 'same' && wal === 'same' && shm === 'same';
      const before = filesOf(file);
      const found = look(file);
      expect(filesOf(file)).toEqual(before);
      const isOverwritten = wal === 'emptied' || wal === 'written over';
      expect(found.map(({ id }) => id)).not.toContain('damage');
      expect(found.some(({ id }) => id === 'open-file')).toBe(!isSame);
      expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
      const isApart = [db, wal, shm].every((fate) => fate !== 'same') && !isOverwritten;
      expect(mayNotOpen(file) !== null, 'it may not be opened').toBe(!isSame && !(isApart && !found.some(({ id }) => id === 'wal')));
      if (isSame) return void (await say('close', file));

      const isCut = isOverwritten && db === 'same';
      if (isCut) {
        expect(found).toMatchObject([{ id: 'open-file', repair: null, advice: expect.stringContaining('kill -9') as string }]);
        await end();
        expect(idsOf(file).filter((id) => id !== 'wal')).toEqual([]);
        if (idsOf(file).includes('wal')) await repair(file, 'wal');
        expect(titlesIn(file)).toContain('one');
        return;
      }
      const { rescued, lines } = await repair(file, 'open-file');
      if (rescued.length === 0) {
        // All of it has its own name again, and the worker goes on.
        expect(lines.join()).toContain('goes on with it');
        expect(idsOf(file)).toEqual([]);
        expect(await say('save', file, 'three')).toBe('ok');
        await say('close', file);
        expect(titlesIn(file)).toEqual(['one', 'three', 'two']);
        return;
      }
      expect(titlesIn(rescued[0] ?? '')).toEqual(isOverwritten ? ['one'] : ['one', 'two']);
      // Started again, however it ends.
      if (cases % 2 === 0) await say('close', file);
      else await end();
      if (idsOf(file).includes('wal')) await repair(file, 'wal');
      expect(idsOf(file)).toEqual([]);
      expect(titlesIn(file)).toEqual(expect.arrayContaining(db === 'same' ? ['one'] : []));
    });
  });
});

describe.each(FATES)('of a worker that was killed, the database is %s', (db) => {
  it.each(WAL_FATES.flatMap((wal) => FATES.map((shm) => [wal, shm] as const)))(
    'the log is %s, the memory of the log is %s: it is read as it is, or its log is named',
    (wal, shm) => {
      const folder = path.join(root, `${(cases += 1)}`);
      mkdirSync(folder);
      const file = path.join(folder, 'claude-mem.db');
      for (const end of ENDS) copyFileSync(killed + end, file + end);
      befall(file, '', db);
      befall(file, '-wal', wal);
      befall(file, '-shm', shm);
      const before = filesOf(file);
      const isThere = db === 'same' || db === 'replaced';
      const isTheirs = wal === 'replaced' || wal === 'written over';
      const isForeign = (db === 'same' && isTheirs) || (db === 'replaced' && wal === 'same');
      expect([idsOf(file), mayNotOpen(file) !== null]).toEqual([isForeign ? ['wal'] : [], isForeign]);
      expect(filesOf(file)).toEqual(before);
      if (isForeign || !isThere) return;
      const titles = db === 'replaced' ? (isTheirs ? 3 : 1) : wal === 'same' ? 2 : 1;
      expect(titlesIn(file)).toHaveLength(titles);
    },
  );
});

/** It is killed. */
async function end(): Promise<void> {
  holder.kill('SIGKILL');
  await new Promise((resolve) => holder.once('exit', resolve));
  await begin();
}
