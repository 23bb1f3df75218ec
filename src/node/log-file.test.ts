import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogFile, oldLog } from './log-file.ts';

describe('the file that a node logs to', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'satchel-log-'));
    file = path.join(folder, 'node.log');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const lines = (of: string): string[] =>
    readFileSync(of, 'utf8')
      .split('\n')
      .filter((line) => line !== '');

  it('keeps the newest lines, in two private files of bounded size, from one process to the next', () => {
    for (let n = 0; n < 1_000; n += 100) {
      const log = createLogFile(file, 400);
      for (let at = n; at < n + 100; at += 1) log.write(`line ${at}\n`);
    }
    const kept = [...lines(oldLog(file)), ...lines(file)];
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => `line ${1_000 - kept.length + index}`));
    expect(kept.length).toBeGreaterThan(40);
    for (const each of [file, oldLog(file)]) {
      expect(statSync(each).size).toBeLessThanOrEqual(410);
      expect(statSync(each).mode & 0o777).toBe(0o600);
    }
  });

  it('puts away what an earlier version let grow', () => {
    writeFileSync(file, 'a line\n'.repeat(1_000), { mode: 0o600 });
    createLogFile(file, 400).write('another\n');
    expect(lines(file)).toEqual(['another']);
    expect(lines(oldLog(file))).toHaveLength(1_000);
  });

  it('goes on where it cannot write, and writes again when it can', () => {
    const log = createLogFile(path.join(folder, 'later', 'node.log'), 400);
    log.write('lost\n');
    mkdirSync(path.join(folder, 'later'));
    log.write('there\n');
    expect(lines(path.join(folder, 'later', 'node.log'))).toEqual(['there']);
    mkdirSync(oldLog(file));
    const stuck = createLogFile(file, 20);
    for (let n = 0; n < 10; n += 1) stuck.write('a line of its own\n');
    expect(lines(file)).toHaveLength(2);
  });
});
