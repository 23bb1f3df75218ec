import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WatchRound } from '../../src/sources/file-tree/file-tree-source.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { createDiskHome, until, type DiskHome } from './disk-home.ts';
import { testRules } from './tree-home.ts';
import { createSpaceDouble, type SpaceDouble } from './workspace-double.ts';

const deletable = (kind: string): boolean => testRules.deletable(kind);

describe('two homes on a real disk', () => {
  let space: SpaceDouble;
  let a: DiskHome;
  let b: DiskHome;
  beforeEach(() => {
    space = createSpaceDouble();
    a = createDiskHome(space.workspace('a', deletable));
    b = createDiskHome(space.workspace('b', deletable));
  });
  afterEach(() => {
    a.close();
    b.close();
  });
  const carry = async (): Promise<void> => {
    await a.source.scan();
    await b.source.apply();
    expect(await b.source.scan()).toMatchObject({ changes: 0, skipped: [] });
  };

  it('carries files, links, modes, renames and removals', async () => {
    a.write('CLAUDE.md', 'be kind');
    a.write('skills/x/run.sh', '#!/bin/sh');
    chmodSync(a.at('skills/x/run.sh'), 0o755);
    symlinkSync('run.sh', a.at('skills/x/alias'));
    await carry();
    expect(b.text('CLAUDE.md')).toBe('be kind');
    expect(readlinkSync(b.at('skills/x/alias'))).toBe('run.sh');
    expect([statSync(b.at('skills/x/run.sh')).mode & 0o777, statSync(b.at('CLAUDE.md')).mode & 0o777]).toEqual([0o700, 0o600]);
    renameSync(a.at('skills/x'), a.at('skills/y'));
    chmodSync(a.at('skills/y/run.sh'), 0o644);
    rmSync(a.at('CLAUDE.md'));
    await carry();
    expect(readdirSync(b.root, { recursive: true, encoding: 'utf8' }).toSorted()).toEqual([
      'skills',
      'skills/y',
      'skills/y/alias',
      'skills/y/run.sh',
    ]);
    expect(statSync(b.at('skills/y/run.sh')).mode & 0o777).toBe(0o600);
  });

  it('extends a session in place', async () => {
    a.write('s.jsonl', '1\n');
    await carry();
    const before = statSync(b.at('s.jsonl')).ino;
    appendFileSync(a.at('s.jsonl'), '2\n3');
    await carry();
    expect(b.text('s.jsonl')).toBe('1\n2\n');
    expect(statSync(b.at('s.jsonl')).ino).toBe(before);
  });

  it('carries a folder that the user keeps elsewhere, and leaves the link', async () => {
    mkdirSync(join(b.base, 'dotfiles/rules'), { recursive: true });
    symlinkSync(join(b.base, 'dotfiles/rules'), b.at('rules'));
    a.write('rules/a.md', 'a');
    await carry();
    expect(readdirSync(join(b.base, 'dotfiles/rules'))).toEqual(['a.md']);
    expect(lstatSync(b.at('rules')).isSymbolicLink()).toBe(true);
    writeFileSync(join(b.base, 'dotfiles/rules/b.md'), 'b');
    await b.source.scan();
    await a.source.apply();
    expect(a.text('rules/b.md')).toBe('b');
  });

  it('a folder whose place a link takes leads no write out of the tree', async () => {
    a.write('rules/a.md', '1');
    await carry();
    // Another machine turns the folder into a link, and sends files for below it.
    space.remove('rules/a.md');
    space.put('rules', '../../escape', { link: true });
    space.put('rules/b.md', 'x');
    mkdirSync(join(b.base, 'escape'));
    const report = await b.source.apply();
    expect(report.notHere.map(({ name }) => name)).toEqual(['rules']);
    expect(b.text('rules/b.md')).toBe('x');
    expect(readdirSync(join(b.base, 'escape'))).toEqual([]);
  });

  it('lists names that are no UTF-8', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${a.root}/bad`), Buffer.of(0xff)]), 'x');
    a.write('good', '1');
    const report = await a.source.scan();
    expect(report.skipped).toHaveLength(1);
    expect(report.skipped[0]?.reason).toContain('UTF-8');
    expect([...space.heads.keys()]).toEqual(['text\0good']);
  });

  it('takes nothing for deleted when the folder is gone', async () => {
    a.write('f', '1');
    await a.source.scan();
    renameSync(a.root, `${a.root}-moved`);
    expect((await a.source.scan()).state.type).toBe('root-missing');
    mkdirSync(a.root);
    expect((await a.source.scan()).state.type).toBe('root-missing');
    expect(space.text('f')).toBe('1');
    rmSync(a.root, { recursive: true });
    renameSync(`${a.root}-moved`, a.root);
    expect((await a.source.scan()).state.type).toBe('ok');
  });

  it('watches: edits, files in new folders, moved folders, removals', async () => {
    const stop = new AbortController();
    const rounds: WatchRound[] = [];
    a.write('known/f', '0');
    const watching = a.source.watch((round) => rounds.push(round), stop.signal);
    await until(() => space.text('known/f') === '0');
    a.write('known/f', '1');
    await until(() => space.text('known/f') === '1');
    a.write('deep/er/est/f', '1');
    await until(() => space.text('deep/er/est/f') === '1');
    writeFileSync(a.at('deep/er/est/f'), '22');
    await until(() => space.text('deep/er/est/f') === '22');
    renameSync(a.at('deep'), a.at('moved'));
    await until(() => space.text('moved/er/est/f') === '22' && space.text('deep/er/est/f') === undefined);
    writeFileSync(a.at('moved/er/est/f'), '333');
    await until(() => space.text('moved/er/est/f') === '333');
    writeFileSync(a.at('known/.tmp'), '4');
    renameSync(a.at('known/.tmp'), a.at('known/f'));
    await until(() => space.text('known/f') === '4');
    rmSync(a.at('moved'), { recursive: true });
    await until(() => space.text('moved/er/est/f') === undefined);
    stop.abort();
    await watching;
    expect(rounds.every(({ type }) => type === 'scan')).toBe(true);
  });

  it('is not woken by what is none of its business', async () => {
    const one = space.workspace('one');
    const carried = (name: string): boolean => name === 'settings.json';
    const home = createDiskHome(one, {
      ...testRules,
      classify: (name) => (carried(name) ? { kind: 'text' } : null),
      enters: () => false,
      mayBeEmpty: true,
    });
    const stop = new AbortController();
    const rounds: WatchRound[] = [];
    const watching = home.source.watch((round) => rounds.push(round), stop.signal);
    home.write('settings.json', '1');
    await until(() => space.text('settings.json') === '1');
    const before = rounds.length;
    for (let count = 0; count < 5; count += 1) {
      home.write('.bash_history', `${count}`);
      home.write(`deep/${count}`, '1');
      await delay(40);
    }
    // A file that was read a moment after it was written is read once more.
    expect(rounds.length - before).toBeLessThanOrEqual(1);
    home.write('settings.json', '2');
    await until(() => space.text('settings.json') === '2');
    stop.abort();
    await watching;
    home.close();
  });

  it('catches up with all that was written before, watched or not', async () => {
    a.write('known/f', '0');
    await a.source.catchUp();
    expect(space.text('known/f')).toBe('0');
    const stop = new AbortController();
    const watching = a.source.watch(() => undefined, stop.signal);
    await a.source.catchUp();
    for (let index = 1; index < 15; index += 1) {
      a.write('known/f', `${index}`);
      a.write(`fresh-${index}/deep/g`, `${index}`);
      if (index > 1) rmSync(a.at(`fresh-${index - 1}`), { recursive: true });
      await a.source.catchUp();
      expect(space.text('known/f')).toBe(`${index}`);
      expect(space.text(`fresh-${index}/deep/g`)).toBe(`${index}`);
      expect(space.text(`fresh-${index - 1}/deep/g`)).toBeUndefined();
    }
    stop.abort();
    await watching;
  });

  it('sees at once what someone else wrote over what it wrote itself', async () => {
    const stop = new AbortController();
    const watching = a.source.watch(() => undefined, stop.signal);
    await a.source.catchUp();
    for (const name of ['one', 'two']) space.put(name, 'from elsewhere');
    await a.source.apply();
    await a.source.catchUp();
    writeFileSync(a.at('one'), 'written over it');
    await a.source.catchUp();
    expect(space.text('one')).toBe('written over it');
    expect(space.text('two')).toBe('from elsewhere');
    writeFileSync(a.at('two'), 'and over this');
    await a.source.catchUp();
    expect(space.text('two')).toBe('and over this');
    stop.abort();
    await watching;
  });

  it('watches a burst of many files', async () => {
    const stop = new AbortController();
    const watching = a.source.watch(() => undefined, stop.signal);
    for (let index = 0; index < 500; index += 1) a.write(`d${index % 50}/n${index}`, `${index}`);
    await until(() => space.heads.size === 500);
    stop.abort();
    await watching;
  });
});
