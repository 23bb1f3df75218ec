import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';

interface Change {
  readonly item: string;
  readonly type: string;
  readonly revision: string;
}

interface Log {
  readonly commits: readonly { readonly position: number | null; readonly machine: string; readonly changes: readonly Change[] }[];
  readonly next: number | null;
}

const FILE = 'rules/order.md';
/** The machine that began is called what its system is called. */
const first = hostname();

describe('log, newest first', () => {
  const { root, remove } = makeRoot();
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine];

  /** Written by this machine, and on the other one. */
  async function write(machine: Machine, name: string, body: string): Promise<void> {
    machine.write(name, body);
    await until(`both have ${body}`, () => [ana, bea].every((each) => each.read(name) === body));
  }

  const shown = async (machine: Machine, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await machine.runAsking(['log', ...args]);
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  };

  beforeAll(async () => {
    // One record with many changes.
    for (let n = 0; n < 12; n++) ana.write(`rules/first-${n}.md`, `one of the first ${n}\n`);
    await ana.start();
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', link, '--name', 'bea', '--yes']);
    await until('bea has them', () => bea.files('rules').length === 12);
    for (let n = 0; n < 6; n++) await write(n % 2 === 0 ? ana : bea, FILE, `version ${n}${'.'.repeat(n)}\n`);
  });
  afterAll(async () => {
    await Promise.all([ana, bea].map((machine) => machine.kill()));
    remove();
  });

  it('has the versions of an item behind one another, each with who wrote it', async () => {
    for (const machine of [ana, bea]) {
      const { commits } = await machine.ask<Log>(['log', FILE]);
      const positions = commits.map(({ position }) => position ?? Infinity);
      expect(positions).toEqual(positions.toSorted((a, b) => b - a));
      expect(commits.map(({ machine: by }) => by)).toEqual(['bea', first, 'bea', first, 'bea', first]);
      const lines = (await shown(machine, FILE)).split('\n');
      expect(lines[0]).toBe(`${FILE}: 6 versions, newest first`);
      const sizes = lines.slice(1, 7).map((line) => /written +(\d+) B +\S+$/.exec(line)?.[1]);
      expect(sizes).toEqual(['15', '14', '13', '12', '11', '10']);
      // What it says to look at is the newest, and is what it says.
      const newest = /satchel show ([0-9a-f]{8})/.exec(lines.join('\n'))?.[1] ?? '';
      expect((await machine.runAsking(['show', newest])).stdout).toContain('version 5.....');
    }
  });

  it('says the same page by page as at once, with nothing left out and nothing twice', async () => {
    for (const [of, limit] of [
      [[], 1],
      [[], 5],
      [['rules/'], 5],
      [[FILE], 4],
    ] as const) {
      const whole = (await ana.ask<Log>(['log', ...of, '--limit', '1000'])).commits;
      const pages: Log['commits'][number][] = [];
      for (let before: number | null | undefined; before !== null;) {
        const page: Log = await ana.ask<Log>([
          'log',
          ...of,
          '--limit',
          `${limit}`,
          ...(before === undefined ? [] : ['--before', `${before}`]),
        ]);
        expect(page.commits.length).toBeLessThanOrEqual(limit);
        pages.push(...page.commits);
        before = page.next;
      }
      expect(pages).toEqual(whole);
    }
  });

  it('leads to the next page by the line that it ends with, to the last one', async () => {
    const seen: string[] = [];
    let text = await shown(ana, FILE, '--limit', '2');
    for (;;) {
      seen.push(...[...text.matchAll(/^ {2}([0-9a-f]{8}) /gm)].map(([, revision = '']) => revision));
      const older = /^Older: satchel log (.+)$/m.exec(text)?.[1];
      if (older === undefined) break;
      text = await shown(ana, ...older.split(' '), '--limit', '2');
    }
    const { commits } = await ana.ask<Log>(['log', FILE]);
    const all = commits.flatMap(({ changes }) => changes).map(({ revision }) => revision.slice(0, 8));
    expect(seen).toEqual(all);
  });

  it('has what was not sent yet before all else, the newest first too, and in that order when it was sent', async () => {
    const port = await stopHome();
    await writeAway('away', 3);
    const lines = (await shown(bea, FILE)).split('\n');
    expect(lines.slice(1, 5).map((line) => line.includes('(unsent)'))).toEqual([true, true, true, false]);
    expect((await shown(bea)).split('\n')[0]).toMatch(/^bea, .* ago, not sent yet$/);
    await ana.start(['up', '--port', port]);
    await until('ana has it', () => ana.read(FILE) === 'away 2\n');
    for (const machine of [ana, bea]) expect(await newestBodies(machine, 3)).toEqual(['away 2\n', 'away 1\n', 'away 0\n']);
  });

  it('has a side of a conflict before what it stands beside, and what that side wrote over before it was sent behind it', async () => {
    const port = await stopHome();
    await writeAway('bea says', 3);
    await bea.stop();
    ana.write(FILE, 'ana says\n');
    await ana.start(['up', '--port', port]);
    await ana.ask(['sync']);
    await bea.start();
    for (const machine of [ana, bea]) await until('it is a conflict', async () => (await machine.runAsking(['conflicts'])).code === 3);
    for (const machine of [ana, bea]) {
      expect(await newestBodies(machine, 4)).toEqual(['bea says 2\n', 'bea says 1\n', 'bea says 0\n', 'ana says\n']);
      const lines = (await shown(machine, FILE)).split('\n').slice(1, 5);
      const done = lines.map((line) => /:\d\d +(\w+(?: \w+)?) +\d+ B +(\S+.*)$/.exec(line)?.slice(1));
      expect(done).toEqual([
        ['kept beside', 'bea, in conflict'],
        ['replaced', 'bea'],
        ['replaced', 'bea'],
        ['written', first],
      ]);
    }
  });

  /** Ends the machine that keeps the log; gives its port. */
  async function stopHome(): Promise<string> {
    const { address } = await ana.ask<{ address: string }>(['status']);
    await ana.stop();
    return new URL(address).port;
  }

  /** So many versions of the file, each captured and not sent. */
  async function writeAway(what: string, count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const before = (await bea.ask<Log>(['log', FILE])).commits.length;
      bea.write(FILE, `${what} ${n}\n`);
      await bea.runAsking(['sync']);
      expect((await bea.ask<Log>(['log', FILE])).commits.length).toBe(before + 1);
    }
  }

  async function newestBodies(machine: Machine, count: number): Promise<string[]> {
    const { commits } = await machine.ask<Log>(['log', FILE]);
    const revisions = commits.flatMap(({ changes }) => changes).map(({ revision }) => revision);
    const bodies: string[] = [];
    for (const revision of revisions.slice(0, count)) bodies.push((await machine.runAsking(['show', revision])).stdout);
    return bodies;
  }
});
