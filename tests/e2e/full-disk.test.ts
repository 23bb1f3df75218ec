import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

interface Status {
  readonly verdict: string;
  readonly in_sync: boolean;
  readonly spaces: readonly { readonly drafts: number; readonly words: string; readonly problem: string | null }[];
}

let place: ReturnType<typeof makeRoot>;
let ana: Machine;
let bea: Machine;
let disk: SmallDisk | null;
beforeEach(async () => {
  place = makeRoot();
  [ana, bea] = ['ana', 'bea'].map((name) => new Machine(place.root, name, inject('program'))) as [Machine, Machine];
  disk = mountSmallDisk(bea.store, 24);
});
afterEach(async () => {
  for (const machine of [ana, bea]) await machine.kill();
  disk?.remove();
  place.remove();
});

const status = (machine: Machine): Promise<Status> => machine.ask<Status>(['status']);
const isFull = ({ verdict }: Status): boolean => verdict.includes('the disk is full');

/** Both in one space, whose log is kept by ana. */
async function join(): Promise<void> {
  ana.write('CLAUDE.md', 'base\n');
  await ana.start();
  const { link } = await ana.ask<{ link: string }>(['invite']);
  await bea.start(['join', link, '--name', 'bea']);
  await until('bea has it', () => bea.read('CLAUDE.md') === 'base\n');
}

async function bothEqual(names: readonly string[]): Promise<void> {
  await until('both are equal and in sync', async () => {
    if (names.some((name) => ana.read(name) === null || ana.read(name) !== bea.read(name))) return false;
    const [one, other] = await Promise.all([status(ana), status(bea)]);
    return one.in_sync && other.in_sync && one.spaces[0]?.words === other.spaces[0]?.words;
  });
}

describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)('a disk that is full', () => {
  it('while it captures and pulls: says so, loses nothing, and goes on by itself when there is room', async () => {
    await join();
    disk?.fill();
    bea.write('plans/of-bea.md', 'of bea\n'.repeat(3_000));
    ana.write('plans/of-ana.md', `${'of ana, of ana\n'.repeat(30_000)}end\n`);
    ana.write('CLAUDE.md', 'base\nof ana\n');
    await until('bea says so', async () => isFull(await status(bea)));
    const { stdout } = await bea.runAsking(['doctor']);
    expect(stdout).toMatch(/disk\.space: the disk is full/);
    expect(stdout).not.toMatch(/is damaged/);
    expect((await bea.runAsking(['status'])).stdout).toMatch(/^Not syncing: the disk is full/);
    bea.write('CLAUDE.md', 'of bea\nbase\n');
    disk?.makeRoom();
    await bothEqual(['CLAUDE.md', 'plans/of-bea.md', 'plans/of-ana.md']);
    expect(ana.read('CLAUDE.md')).toBe('of bea\nbase\nof ana\n');
    expect((await bea.run(['store', 'verify', '--full'])).code).toBe(0);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('when it starts after %s: waits for room and says so', async (signal) => {
    await join();
    await bea.stop(signal);
    disk?.fill();
    ana.write('CLAUDE.md', 'base\nmeanwhile\n');
    const { code, stderr } = await bea.runAsking(['log']);
    if (code !== 0) expect(stderr).toMatch(/^satchel: the disk is full/); // where the database cannot even be opened
    expect((await bea.runAsking(['doctor'])).stdout).not.toMatch(/is damaged/);
    const started = bea.start();
    await until('it says that it waits', () => bea.output.includes('The disk is full: waiting for room'));
    disk?.makeRoom();
    await started;
    await bothEqual(['CLAUDE.md']);
  });

  it('and killed while it is full, again and again: nothing is lost', async () => {
    await join();
    for (let turn = 0; turn < 3; turn += 1) {
      disk?.fill();
      bea.write(`plans/${turn}.md`, `of bea ${turn}\n`.repeat(2_000));
      ana.write(`rules/${turn}.md`, `of ana ${turn}\n`.repeat(2_000));
      await until('bea says so', async () => isFull(await status(bea)));
      await bea.stop('SIGKILL');
      disk?.makeRoom();
      await bea.start();
    }
    await bothEqual([0, 1, 2].flatMap((turn) => [`plans/${turn}.md`, `rules/${turn}.md`]));
    expect((await bea.run(['store', 'verify', '--full'])).code).toBe(0);
  });
});
