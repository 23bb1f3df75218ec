import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { rememberedOfFiles } from './remembered-of-files.ts';

/** The file system’s clock goes on, and what was written is no longer of now. */
const SETTLING = 1_100;

let folder: string;
let file: string;
let other: string;
let reads: number;
let ask: () => Promise<string>;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'satchel-remembered-'));
  [file, other] = [path.join(folder, 'file'), path.join(folder, 'other')];
  reads = 0;
  const textOf = (of: string): Promise<string> => readFile(of, 'utf8').catch(() => 'none');
  ask = rememberedOfFiles([file, other], async () => {
    reads += 1;
    return `${await textOf(file)} ${await textOf(other)}`;
  });
});
afterEach(() => rmSync(folder, { recursive: true }));

it('reads files once while nobody writes them, and again where somebody does', async () => {
  writeFileSync(file, 'one');
  await sleep(SETTLING);
  expect([await ask(), await ask(), await ask()]).toEqual(['one none', 'one none', 'one none']);
  expect(reads).toBe(1);
  writeFileSync(other, 'two');
  expect(await ask()).toBe('one two');
  rmSync(file);
  expect(await ask()).toBe('none two');
});

it('reads what was written this very second each time: it may be written again at the same time, as long as before', async () => {
  for (const text of ['aaa', 'bbb', 'ccc', 'ddd']) {
    writeFileSync(file, text);
    expect(await ask()).toBe(`${text} none`);
  }
});

it('sees a file that was put in the place of another one, with its times', async () => {
  const time = new Date('2026-01-02T03:04:05Z');
  writeFileSync(file, 'aaa');
  writeFileSync(`${file}-new`, 'bbb');
  for (const each of [file, `${file}-new`]) utimesSync(each, time, time);
  await sleep(SETTLING);
  expect(await ask()).toBe('aaa none');
  renameSync(`${file}-new`, file);
  expect(await ask()).toBe('bbb none');
});

it('asks each time where a file cannot be looked at', async () => {
  writeFileSync(file, 'one');
  ask = rememberedOfFiles([path.join(file, 'below', '\0')], () => Promise.resolve(String((reads += 1))));
  expect([await ask(), await ask()]).toEqual(['1', '2']);
});
