import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';
import { putBadDatabase } from './put-bad-database.ts';
import { CTRL_C, plain, Terminal } from './terminal.ts';

/** On a terminal, by a person who has files already. */
describe('joining onto files of one’s own', () => {
  const { root, remove } = makeRoot();
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine];
  let terminal: Terminal | null = null;

  beforeAll(async () => {
    for (const name of ['CLAUDE.md', 'rules/one.md', 'rules/two.md']) {
      ana.write(name, `ana: ${name}\n`);
      bea.write(name, `bea: ${name}\n`);
    }
    ana.write('rules/new.md', 'ana alone\n');
    ana.write('skills/deploy/SKILL.md', 'Deploy.\n');
    await ana.start();
  });
  afterAll(async () => {
    await terminal?.close();
    await Promise.all([ana, bea].map((machine) => machine.kill()));
    remove();
  });

  it('is asked with what it means, shows what would change, and lets one choose file by file', async () => {
    const { link } = await ana.ask<{ link: string }>(['invite']);
    terminal = new Terminal([process.execPath, bea.program, 'join', link, '--name', 'bea'], { env: bea.env });
    const trust = plain(await terminal.shows(/Skills, agents[^]*Put in place unasked what your own machines write\? \[y\/N\] /));
    expect(trust).toMatch(/can run programs here[^]*whoever takes over one of them can then run programs on this one/);
    terminal.type('n');
    await terminal.shows(/writes 1 new file, replaces 3 of yours/);
    await terminal.shows(/Go ahead\? \[y\]es, show the \[d\]iff, \[c\]hoose file by file, \[N\]ot now: /);
    terminal.type('d');
    expect(plain(await terminal.shows(/Go ahead.*ot now: /))).toBeDefined();
    expect(plain(terminal.shown)).toMatch(
      /--- here now\s+\+\+\+ after your approval: CLAUDE\.md\s[^]*-bea: CLAUDE\.md\s+\+ana: CLAUDE\.md/,
    );
    terminal.type('c');
    for (const [name, choice] of [
      ['CLAUDE.md', 'm'],
      ['rules/one.md', 't'],
      ['rules/two.md', ''],
    ] as const) {
      await terminal.shows(new RegExp(`${name}: yours is \\d+ B, by bea, [^;]*; theirs is \\d+ B, by [^]*Enter leaves it open: `));
      terminal.type(choice);
    }
    await terminal.shows(/Go ahead.*ot now: /);
    expect(bea.read('rules/one.md')).toBe('bea: rules/one.md\n');
    terminal.type('y');
    await terminal.shows(/1 thing waits for your answer\. Run: satchel pending/);
    await terminal.shows(/Ctrl-C stops it\./);
    expect(plain(terminal.shown).match(/waits for your answer/g)).toHaveLength(1);
    expect(['CLAUDE.md', 'rules/one.md', 'rules/two.md', 'rules/new.md'].map((name) => bea.read(name))).toEqual([
      'bea: CLAUDE.md\n',
      'ana: rules/one.md\n',
      'ana: rules/two.md\n',
      'ana alone\n',
    ]);
    expect(existsSync(path.join(bea.store, 'before-joining'))).toBe(true);
    await until('ana has what bea kept', () => ana.read('CLAUDE.md') === 'bea: CLAUDE.md\n');
    expect((await bea.run(['conflicts'])).stdout).toMatch(/^1 conflict, in 1 item:\nrules\/two\.md\n/);
    terminal.press(CTRL_C);
    await terminal.end();
  });

  it('is asked before a version is taken that lacks something of the one in place', async () => {
    for (const answer of ['n', 'y']) {
      terminal = new Terminal([process.execPath, bea.program, 'resolve', 'rules/two.md', '--take', 'sibling'], { env: bea.env });
      await terminal.shows(/rules\/two\.md: what you take lacks 1 line: that goes from the file on all machines[^]*Go on\? \[y\/N\] /);
      terminal.type(answer);
      await terminal.shows(answer === 'n' ? /Nothing was changed/ : /Settled 1 conflict of rules\/two\.md/);
      await terminal.end();
      expect(bea.read('rules/two.md')).toBe(answer === 'n' ? 'ana: rules/two.md\n' : 'bea: rules/two.md\n');
    }
  });
});

describe('joining onto files of one’s own with nobody to ask', () => {
  const { root, remove } = makeRoot();
  const machine = (name: string): Machine => new Machine(root, name, inject('program'));
  const [ana, bea, cem, dan, eva] = [machine('ana'), machine('bea'), machine('cem'), machine('dan'), machine('eva')];
  const [fay, gus, hal] = [machine('fay'), machine('gus'), machine('hal')];
  const link = async (): Promise<string> => (await ana.ask<{ link: string }>(['invite'])).link;

  beforeAll(async () => {
    ana.write('CLAUDE.md', 'ana: CLAUDE.md\n');
    for (const each of [bea, cem, gus, hal]) each.write('CLAUDE.md', `${each.name}: CLAUDE.md\n`);
    await ana.start();
  });
  afterAll(async () => {
    await Promise.all([ana, bea, cem, dan, eva, fay, gus, hal].map((each) => each.kill()));
    remove();
  });

  it('says that a conflict is open, and where the copy lies, and ends with 3', async () => {
    const joined = await bea.run(['join', await link(), '--name', 'bea', '--yes', '--trust-own', '--once']);
    expect([joined.code, joined.stderr]).toEqual([3, '']);
    const [, copy = ''] = /A copy of what changed here is in (.*)\n/.exec(joined.stdout) ?? [];
    expect(readFileSync(path.join(copy, 'CLAUDE.md'), 'utf8')).toBe('bea: CLAUDE.md\n');
    expect(joined.stdout).toMatch(/1 conflict is open: the other versions are kept beside\. Run: satchel conflicts/);
    expect(bea.read('CLAUDE.md')).toBe('ana: CLAUDE.md\n');
  });

  it('and in JSON; where nothing of one’s own changed there is nothing to say', async () => {
    const { code, stdout } = await cem.run(['join', await link(), '--name', 'cem', '--yes', '--once', '--json']);
    const document = JSON.parse(stdout) as { copies: string[]; conflicts: number };
    expect([code, document.copies.length, document.conflicts]).toEqual([3, 1, 1]);
    expect(readFileSync(path.join(document.copies[0] ?? '', 'CLAUDE.md'), 'utf8')).toBe('cem: CLAUDE.md\n');
    const quiet = await dan.run(['join', await link(), '--name', 'dan', '--yes', '--once']);
    expect([quiet.code, quiet.stdout]).toEqual([0, expect.not.stringMatching(/conflict|A copy|was carried/)]);
  });

  it('says that nothing was put in place yet, and what to run, and ends with 3 where it may not ask', async () => {
    const { code, stdout } = await gus.run(['join', await link(), '--name', 'gus', '--once']);
    const [, id = ''] = /^([0-9a-f]{8}) .*replaces 1 of yours/m.exec(stdout) ?? [];
    expect(stdout).toMatch(
      `Nothing was put in place in ${gus.claude} yet, since it would change files of yours. To see what: satchel pending ${id}. To go ahead: satchel approve ${id}\n1 thing waits for your answer. Run: satchel pending\n`,
    );
    expect([code, id, gus.read('CLAUDE.md')]).toEqual([3, expect.stringMatching(/./), 'gus: CLAUDE.md\n']);
    expect((await gus.run(['approve', id])).code).toBe(0);
    expect(gus.read('CLAUDE.md')).toBe('ana: CLAUDE.md\n');
  });

  it('and in JSON; where nothing waits, there is nothing to run', async () => {
    const joined = await hal.run(['join', await link(), '--name', 'hal', '--once', '--json']);
    const waits = { pending: 1, not_applied: [hal.claude], next: 'satchel pending' };
    expect([joined.code, JSON.parse(joined.stdout)]).toEqual([3, expect.objectContaining(waits)]);
    const again = await dan.run(['join', await link(), '--name', 'dan', '--once', '--json']);
    expect([again.code, JSON.parse(again.stdout)]).toEqual([0, expect.objectContaining({ pending: 0, not_applied: [], next: null })]);
  });

  it('says that the rows of a database of claude-mem that cannot be opened are not carried', async () => {
    putBadDatabase(eva.home, 'another log');
    const joined = await eva.run(['join', await link(), '--name', 'eva', '--once']);
    const line = joined.stdout.split('\n').find((each) => each.startsWith('Nothing of '));
    expect([joined.code, line]).toEqual([
      0,
      expect.stringMatching(
        /\.claude-mem\/claude-mem\.db was carried, there or here: .*is of another database.*What helps: satchel doctor$/,
      ),
    ]);
  });

  it('and in JSON', async () => {
    putBadDatabase(fay.home, 'damaged');
    const { not_carried: left } = await fay.ask<{ not_carried: unknown }>(['join', await link(), '--name', 'fay', '--once']);
    const database = path.join(fay.home, '.claude-mem', 'claude-mem.db');
    expect(left).toEqual([{ path: database, problem: expect.stringMatching(/\S/) as string }]);
  });
});
