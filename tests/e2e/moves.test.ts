import { mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { editsTravel } from './edits-travel.ts';
import { Machine, makeRoot, until } from './machine.ts';

interface Spaces {
  readonly spaces: readonly { readonly name: string; readonly remote: string | null; readonly term: number; readonly words: string }[];
}

describe('a space moves from place to place, and its machines with it', () => {
  const { root, remove } = makeRoot();
  const machine = (name: string): Machine => new Machine(root, name, inject('program'));
  const [hub, ana, bea] = [machine('hub'), machine('ana'), machine('bea')];
  const stick = path.join(root, 'stick');
  let port = '';
  let hubAddress = '';

  beforeAll(async () => {
    ana.write('CLAUDE.md', 'at home\n');
    await ana.start();
    port = new URL((await ana.ask<{ address: string }>(['status'])).address).port;
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', link, '--name', 'bea']);
    await hub.start(['up', '--hub', '--port', '0']);
  });
  afterAll(async () => {
    await Promise.all([hub, ana, bea].map((m) => m.kill()));
    remove();
  });

  const homes = async (): Promise<(string | null | undefined)[]> =>
    Promise.all([ana, bea].map(async (m) => (await m.ask<Spaces>(['spaces'])).spaces.find(({ name }) => name === 'personal')?.remote));

  it('to a hub, which is known by its invitation', async () => {
    const { link: old } = await ana.ask<{ link: string }>(['invite']);
    const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
    const { address } = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link);
    hubAddress = address;
    const moved = await ana.runAsking(['spaces', 'move', 'personal', address]);
    expect([moved.code, moved.stdout]).toEqual([0, `personal is kept at ${address} now.\n`]);
    await until('bea follows', async () => (await homes()).every((home) => home === address));
    // An invitation to where it was is no good any more, and whoever comes with it is told so at once.
    expect((await machine('late').run(['join', old, '--once'])).stderr).toMatch(/no such invitation[^]*satchel invite/);
    await editsTravel(ana, bea, 'the hub');
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).stdout).toContain('was kept at');
    expect((await ana.runAsking(['remotes', 'remove', address])).code).toBe(5);
  });

  it('to a folder', async () => {
    mkdirSync(stick);
    await ana.ask(['remotes', 'add', stick]);
    expect((await ana.runAsking(['spaces', 'move', 'personal', stick])).code).toBe(0);
    await until('bea follows', async () => (await homes()).every((home) => home === `folder:${stick}`));
    await editsTravel(ana, bea, 'the stick');
    // The hub may be its home again. Neither was bea told of it by its user, nor is ana a place for others.
    const { remotes } = await bea.ask<{ remotes: readonly { address: string }[] }>(['remotes']);
    expect(remotes.map(({ address }) => address).toSorted()).toEqual([`folder:${stick}`, hubAddress].toSorted());
    await hub.stop();
    await editsTravel(ana, bea, 'the stick, without the hub');
  });

  it('goes on offline while the folder is away, and catches up', async () => {
    renameSync(stick, `${stick}-unplugged`);
    ana.write('rules/away.md', 'written while it was unplugged\n');
    await until('ana says so', async () => /^Not syncing: .*stick/.test((await ana.runAsking(['status'])).stdout));
    renameSync(`${stick}-unplugged`, stick);
    await until('bea has it', () => bea.read('rules/away.md') !== null);
    expect((await ana.runAsking(['status'])).code).toBe(0);
  });

  it('home, where the folder is lost for good; the other machine is told where', async () => {
    rmSync(stick, { recursive: true });
    ana.write('rules/after.md', 'after the stick was lost\n');
    bea.write('rules/after-bea.md', 'bea too\n');
    const refused = await ana.runAsking(['spaces', 'move', 'personal', 'here']);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('--lost');
    const moved = await ana.runAsking(['spaces', 'move', 'personal', 'here', '--lost']);
    expect(moved.stdout).toMatch(/^personal is kept at this node now\.\nThis node listens on this machine only[^]*--host 0\.0\.0\.0/);
    const { link } = await ana.ask<{ link: string }>(['invite', '--hub']);
    const { address } = await bea.ask<{ address: string }>(['remotes', 'add', link]);
    expect(new URL(address).port).toBe(port);
    const told = await bea.runAsking(['spaces', 'move', 'personal', address, '--lost']);
    expect([told.code, told.stderr]).toEqual([0, '']);
    await until('both have both', () =>
      [ana, bea].every((m) => m.read('rules/after.md') !== null && m.read('rules/after-bea.md') !== null),
    );
    await editsTravel(ana, bea, 'home again');
    const [a, b] = await Promise.all([ana, bea].map((m) => m.ask<Spaces>(['spaces'])));
    expect(a?.spaces[0]?.words).toBe(b?.spaces[0]?.words);
  });
});
