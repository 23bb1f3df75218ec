import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';

/** A body of its own, which no live stream sends along. */
function large(first: string): string {
  return `${first}\n${randomBytes(40_000).toString('hex')}\n`;
}

describe('a hub of three machines that is gone for good, and bodies with it', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  const [hub, ana, bea, carl] = ['hub', 'ana', 'bea', 'carl'].map((name) => new Machine(root, name, program)) as [
    Machine,
    Machine,
    Machine,
    Machine,
  ];
  const members = [ana, bea, carl];
  const stick = path.join(root, 'stick');
  const firstLine = async (machine: Machine): Promise<string | undefined> => (await machine.runAsking(['status'])).stdout.split('\n')[0];
  /** Of a machine’s rules, the files by name: each is another where it was replaced. */
  const inodes = (machine: Machine): Record<string, number> =>
    Object.fromEntries(rules(machine).map((name) => [name, statSync(path.join(machine.claude, name)).ino]));
  const rules = (machine: Machine): string[] => machine.files('rules').toSorted();
  const contents = (machine: Machine): Record<string, string | null> =>
    Object.fromEntries(rules(machine).map((name) => [name, machine.read(name)]));

  async function follow(machine: Machine): Promise<void> {
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await machine.start();
    const joined = await machine.run(['join', link]);
    expect([joined.code, joined.stderr]).toEqual([0, '']);
    await machine.ask(['sync']);
  }

  beforeAll(async () => {
    await hub.start(['up', '--hub', '--port', '0']);
    await ana.start();
    const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
    const { address } = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link);
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
    for (const name of ['changed', 'removed', 'lost', 'drafted']) ana.write(`rules/${name}.md`, `${name}, the first\n`);
    await ana.ask(['sync']);
    for (const machine of [bea, carl]) {
      const invited = await ana.ask<{ link: string }>(['invite']);
      expect((await machine.run(['join', invited.link, '--name', machine.name, '--yes', '--once'])).code).toBe(0);
    }
    await ana.stop();

    // Of one version after another the machine that will move the space sees the last alone.
    await bea.start();
    for (const body of [large('changed, never seen by ana'), large('changed, the last')]) {
      bea.write('rules/changed.md', body);
      await bea.ask(['sync']);
    }
    bea.write('rules/removed.md', large('removed, never seen by ana'));
    await bea.ask(['sync']);
    rmSync(path.join(bea.claude, 'rules/removed.md'));
    await bea.ask(['sync']);
    const pack = path.join(hub.store, 'objects');
    const packs = (readdirSync(pack, { recursive: true }) as string[]).filter((name) => name.endsWith('.pack'));
    expect(packs).toHaveLength(1);
    const file = path.join(pack, packs[0] as string);
    const kept = statSync(file).size;
    for (const name of ['lost', 'new']) {
      bea.write(`rules/${name}.md`, large(`${name}, of bea`));
      await bea.ask(['sync']);
    }
    await bea.stop();

    // What bea wrote last is lost with the hub, of which ana gets the log, and soon nothing.
    const { port } = new URL(address);
    await hub.stop();
    truncateSync(file, kept);
    await hub.start(['up', '--hub', '--port', port]);
    await ana.start();
    await ana.runAsking(['sync']);
    await until('ana has what there is', () => ana.read('rules/changed.md')?.startsWith('changed, the last\n') === true);
    expect(await firstLine(ana)).toMatch(/^Not in sync: 2 items wait for bodies/);
    await hub.stop();
    rmSync(hub.store, { recursive: true });
    carl.write('rules/drafted.md', 'drafted, by carl without the hub\n');
    mkdirSync(stick);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([hub, ...members].map((machine) => machine.kill()));
    remove();
  });

  it('leaves in its place what the machine has that moves the space, and says what is missing', async () => {
    const before = inodes(ana);
    expect(Object.keys(before)).toEqual(['rules/changed.md', 'rules/drafted.md', 'rules/lost.md']);
    expect((await ana.runAsking(['spaces', 'move', 'personal', stick, '--lost'])).code).toBe(2);
    await ana.ask(['remotes', 'add', stick]);
    const plain = await ana.runAsking(['spaces', 'move', 'personal', stick]);
    expect([plain.code, plain.stderr]).toEqual([4, expect.stringContaining(`satchel spaces move personal REMOTE --lost`)]);
    const moved = await ana.runAsking(['spaces', 'move', 'personal', stick, '--lost']);
    const fell = /4 changes by bea fell with the former home; when bea syncs, they come again/;
    expect([moved.code, moved.stderr, moved.stdout]).toEqual([0, '', expect.stringMatching(fell)]);
    expect(moved.stdout).toMatch(/For each of them, one after the other:\n {2}bea, carl: here satchel invite, and paste its link there/);
    await ana.ask(['sync']);
    expect(inodes(ana)).toEqual(before);
    expect(ana.read('rules/lost.md')).toBe('lost, the first\n');
    const status = await ana.runAsking(['status']);
    expect([status.code, status.stdout]).toEqual([0, expect.stringMatching(fell)]);
    expect(status.stdout).toMatch(/^In sync with /);
    const doctor = await ana.runAsking(['doctor']);
    expect([doctor.code, doctor.stdout]).toEqual([0, expect.stringMatching(/warn space\.fallen:personal[^]*4 changes by bea/)]);
    expect((await ana.runAsking(['conflicts'])).stdout).toBe('No open conflicts.\n');
  });

  it('leaves in its place what a machine has that follows, which brings what was missing', async () => {
    const before = inodes(bea);
    expect(Object.keys(before)).toEqual(['rules/changed.md', 'rules/drafted.md', 'rules/lost.md', 'rules/new.md']);
    await follow(bea);
    expect(inodes(bea)).toEqual(before);
    await ana.ask(['sync']);
    expect(contents(ana)).toEqual(contents(bea));
    const status = await ana.runAsking(['status']);
    expect([status.code, status.stdout]).toEqual([0, expect.not.stringContaining('fell')]);
    const history = await ana.runAsking(['log', 'rules/changed.md']);
    expect(history.stdout).toMatch(/^rules\/changed\.md: 4 versions/);
  });

  it('ends with the same files on all machines, no conflict, and nothing lost', async () => {
    await follow(carl);
    for (const machine of members) await machine.ask(['sync']);
    expect(carl.read('rules/drafted.md')).toBe('drafted, by carl without the hub\n');
    for (const machine of members) {
      expect(contents(machine)).toEqual(contents(carl));
      expect(await firstLine(machine)).toMatch(/^In sync with /);
      expect((await machine.runAsking(['conflicts'])).stdout).toBe('No open conflicts.\n');
      const doctor = await machine.runAsking(['doctor']);
      expect([doctor.code, doctor.stdout]).toEqual([0, expect.not.stringContaining('fell')]);
      expect((await machine.run(['store', 'verify', '--read-data'])).code).toBe(0);
    }
  });
});
