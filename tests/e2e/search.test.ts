import { existsSync, mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { MemDatabase } from '../sources/mem-database.ts';
import { Machine, makeRoot, until } from './machine.ts';
import { extent } from '../setup/extent.ts';

interface Answer {
  readonly hits: readonly { readonly id: string; readonly title: string | null; readonly type: string; readonly machine: string }[];
  readonly total: number;
}

describe('search', () => {
  const { root, remove } = makeRoot();
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine];
  const databases: MemDatabase[] = [];
  const database = ({ home }: Machine): MemDatabase => {
    mkdirSync(path.join(home, '.claude-mem'));
    const db = new MemDatabase(path.join(home, '.claude-mem/claude-mem.db'), '13.25.3');
    databases.push(db);
    return db;
  };
  const search = (machine: Machine, ...words: string[]): Promise<Answer> => machine.ask<Answer>(['search', ...words]);

  beforeAll(async () => {
    const [dbA, dbB] = [database(ana), database(bea)];
    dbA.session('s');
    dbA.observation('s', 'Upload never ended', {
      narrative: 'The walrus retried for ever.',
      facts: '["it was the timeout"]',
      concepts: '["how-it-works"]',
      type: 'bugfix',
    });
    dbB.session('t', { project: 'web' });
    dbB.prompt('t', 1, 'why is the walrus slow?');
    await ana.start();
    const { link } = await ana.ask<{ link: string }>(['invite']);
    expect((await bea.run(['join', link, '--name', 'bee', '--once', '--trust-own'])).code).toBe(0);
    expect(await bea.runAsking(['sync'])).toMatchObject({ code: 0 });
    await until('ana has what bea wrote', async () => (await search(ana, 'slow')).total === 1);
  });
  afterAll(async () => {
    for (const db of databases) db.close();
    await Promise.all([ana, bea].map((each) => each.kill()));
    remove();
  });

  it('finds on both machines what either knows: with a node that runs, and without one', async () => {
    for (const machine of [ana, bea]) {
      const { hits } = await search(machine, 'walrus');
      expect(hits.map(({ type }) => type).toSorted()).toEqual(['bugfix', 'prompt']);
      expect(hits.find(({ type }) => type === 'prompt')?.machine).toBe('bee');
    }
  });

  it('prints a hit, marked on terminals only, and what to go on with', async () => {
    const { stdout, code } = await bea.runAsking(['search', 'walrus', '--type', 'bugfix']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^([k-z]{10}) {2}bugfix · app · .*\n {2}Upload never ended\n {2}The walrus retried for ever\..*\n\nIn full: satchel show \1/,
    );
    expect(stdout).not.toContain('\u001b');
  });

  it('shows a memory as one reads it, also in a pipe, and its row with --raw', async () => {
    const id = (await search(bea, 'timeout')).hits[0]?.id ?? '';
    const { stdout } = await bea.runAsking(['show', id]);
    expect(stdout).toMatch(
      /^Upload never ended\nbugfix · app · .* · session s\n\nThe walrus retried for ever\.\n\n- it was the timeout\n\nConcepts: how-it-works\n/,
    );
    expect(JSON.parse((await bea.runAsking(['show', id, '--raw'])).stdout)).toMatchObject({ title: 'Upload never ended' });
    expect((await bea.runAsking(['search', '--around', id])).stdout).toMatch(/^> [k-z]{10} {2}bugfix/m);
    expect((await bea.runAsking(['log', id])).stdout).toContain('1 version');
  });

  it('says where nothing is found, and what there is instead', async () => {
    expect(await bea.runAsking(['search', 'zebra'])).toMatchObject({ code: 0, stdout: 'Nothing was found.\n' });
    expect((await bea.runAsking(['search', 'walrus', '--project', 'nope'])).stdout).toContain(
      'There is no project nope. There is: app, web',
    );
    expect((await bea.runAsking(['search', 'walrus', 'zebra'])).stdout).toMatch(/^Nothing holds all of these words/);
  });

  it('is whole again after kill -9 in the midst of indexing, wherever that hits', async () => {
    const big = new Machine(root, 'big', inject('program'));
    const sessions = extent(12, 30);
    const db = database(big);
    db.sql.transaction(() => {
      for (let s = 0; s < sessions; s++) {
        db.session(`s${s}`);
        for (let i = 0; i < 100; i++)
          db.observation(`s${s}`, `walrus ${s} ${i}`, { narrative: `${'some words to be read '.repeat(40)} ${i}` });
      }
    })();
    await big.start();
    for (let kill = 0; kill < extent(2, 3); kill++) {
      const asked = big.runAsking(['search', 'walrus']);
      if (kill > 0) await until('it is written', () => existsSync(path.join(big.store, 'index.db')));
      await sleep(100 + kill * 150);
      await big.stop('SIGKILL');
      await asked;
      await big.start();
    }
    expect((await search(big, 'walrus', '--limit', '1')).total).toBe(sessions * 100);
    writeFileSync(path.join(big.store, 'index.db'), 'damaged');
    const { stdout } = await big.runAsking(['search', 'walrus', '--limit', '1']);
    expect(stdout).toMatch(new RegExp(`^The search index was damaged[^]*\n${sessions * 100 - 1} more`, 'm'));
    await big.stop();
    unlinkSync(path.join(big.store, 'index.db'));
    const stopped = big.start(['search', 'walrus']).catch((error: unknown) => String(error));
    await until('it is indexing', () => existsSync(path.join(big.store, 'index.db')));
    await big.stop('SIGINT');
    expect(await stopped).toMatch(/ended with (?:1|0)/);
    expect(await stopped).not.toContain('bug in Satchel');
    expect((await big.run(['leave', '--purge', '--discard', '--yes'])).code).toBe(0);
    expect(existsSync(big.store)).toBe(false);
  });
});
