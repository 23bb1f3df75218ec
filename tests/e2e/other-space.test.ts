import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';
import { Terminal } from './terminal.ts';

/** Joining another space from a machine that shares the one that its folders are in. */
describe('a machine that shares its space with another', () => {
  const { root, remove } = makeRoot();
  const [ana, bea, cem] = ['ana', 'bea', 'cem'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine, Machine];
  let terminal: Terminal | null = null;
  let link = '';
  const personal = async (machine: Machine): Promise<string | undefined> =>
    (await machine.ask<{ spaces: readonly { name: string; space: string }[] }>(['spaces'])).spaces.find(({ name }) => name === 'personal')
      ?.space;
  const named = async (machine: Machine): Promise<string[]> =>
    (await machine.ask<{ machines: readonly { name: string }[] }>(['machines'])).machines.map(({ name }) => name);

  beforeAll(async () => {
    for (const machine of [ana, cem]) {
      machine.write(`rules/${machine.name}.md`, `${machine.name}\n`);
      await machine.start();
      const { machine: self } = await machine.ask<{ machine: { id: string } }>(['status']);
      await machine.ask(['machines', 'rename', self.id, machine.name]);
    }
    // What it has of its own, and shares with nobody, is left behind without a question.
    bea.write('rules/bea.md', 'bea\n');
    await bea.start();
    await bea.ask(['sync']);
    const invited = await ana.ask<{ link: string }>(['invite']);
    const joined = await bea.ask<{ left_behind: unknown }>(['join', invited.link, '--name', 'bea']);
    expect(joined.left_behind).toBeNull();
    await until('bea has what ana has', () => bea.read('rules/ana.md') === 'ana\n');
    ({ link } = await cem.ask<{ link: string }>(['invite']));
  });
  afterAll(async () => {
    await terminal?.close();
    await Promise.all([ana, bea, cem].map((machine) => machine.kill()));
    remove();
  });

  it.each([[[]], [['--yes', '--trust-own']]])('does not go over to another one unasked (%s)', async (more) => {
    const before = await personal(bea);
    const refused = await bea.run(['join', link, ...more]);
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toMatch(/shares its space with ana[^]*go over to the space of cem[^]*satchel leave[^]*--switch/);
    expect(refused.stderr).not.toContain(link);
    const document = JSON.parse((await bea.run(['join', link, ...more, '--json'])).stdout) as object;
    expect(document).toMatchObject({ error: { type: 'shares-a-space', exit: 2 } });
    expect(await personal(bea)).toBe(before);
    expect((await bea.ask<{ spaces: unknown[] }>(['spaces'])).spaces).toHaveLength(2);
  });

  it('nor where its node does not run, nor after a No on a terminal', async () => {
    await bea.stop();
    const before = await personal(bea);
    const refused = await bea.run(['join', link]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/shares its space with ana/)]);
    terminal = new Terminal([process.execPath, bea.program, 'join', link], { env: bea.env });
    await terminal.shows(/shares its space with ana[^]*space of cem[^]*Go over\? \[y\/N\] /);
    terminal.type('n');
    await terminal.shows(/Nothing was changed/);
    await terminal.end();
    expect(await personal(bea)).toBe(before);
    await bea.start();
    ana.write('rules/more.md', 'more\n');
    await until('bea goes on with ana', () => bea.read('rules/more.md') === 'more\n');
    expect(await named(cem)).toEqual(['cem']);
    expect(cem.files('rules')).toEqual(['rules/cem.md']);
  });

  it('goes over when told to, says what stays behind, and is asked again on the way back', async () => {
    const before = await personal(bea);
    const joined = await bea.run(['join', link, '--name', 'bea', '--switch', '--yes']);
    expect([joined.code, joined.stderr]).toEqual([0, '']);
    const name = `before-joining-${before?.slice(0, 6)}`;
    expect(joined.stdout).toMatch(new RegExp(`shared with ana stays here as ${name}[^]*satchel machines revoke [0-9a-f]{12}`));
    await until('both have all', () => cem.read('rules/bea.md') === 'bea\n' && bea.read('rules/cem.md') === 'cem\n');
    expect((await bea.runAsking(['status'])).stdout).toMatch(/before-joining-[^]*what this machine shared with others before it joined/);
    const back = await ana.ask<{ link: string }>(['invite']);
    expect((await bea.run(['join', back.link, '--yes'])).stderr).toMatch(/shares its space with cem[^]*go over to the space of ana/);
    const again = await bea.ask<{ left_behind: unknown }>(['join', back.link, '--yes', '--switch']);
    expect(await personal(bea)).toBe(before);
    expect(again.left_behind).toEqual({
      space: await personal(cem),
      name: `before-joining-${(await personal(cem))?.slice(0, 6)}`,
      machines: ['cem'],
      id: (await bea.ask<{ machine: { id: string } }>(['status'])).machine.id,
    });
  });
});
