import { existsSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { secretToWords } from '../../src/core/joining/words.ts';
import { createSystemRandom } from '../../src/node/system.ts';
import { Machine, makeRoot, until } from './machine.ts';
import { plain, Terminal } from './terminal.ts';

interface Machines {
  readonly machines: readonly { readonly id: string; readonly name: string; readonly role: string; readonly here: boolean }[];
}

describe('machines are lost', () => {
  const { root, remove } = makeRoot();
  const machine = (name: string): Machine => new Machine(root, name, inject('program'));
  const [hub, ana, bea, fresh] = [machine('hub'), machine('ana'), machine('bea'), machine('fresh')];
  let address = '';
  let words: string[] = [];

  beforeAll(async () => {
    ana.write('CLAUDE.md', 'first\n');
    await hub.start(['up', '--hub', '--port', '0']);
    address = (await hub.ask<{ address: string }>(['status'])).address;
    const { link } = await hub.ask<{ link: string }>(['invite']);
    await ana.start(['join', link, '--name', 'ana']);
    const invitation = await ana.ask<{ words: string; address: string }>(['invite']);
    await bea.start(['join', invitation.address, '--words', '-', '--name', 'bea'], invitation.words);
    await until('bea has it', () => bea.read('CLAUDE.md') === 'first\n');
  });
  afterAll(async () => {
    await Promise.all([hub, ana, bea, fresh].map((m) => m.kill()));
    remove();
  });

  it('are counted by their hub, which says what it keeps', async () => {
    const { stdout } = await hub.runAsking(['status']);
    expect(stdout).toMatch(/^Hub is running at http.*\nSPACE +MACHINES +RECORDS +SIZE +HEARD OF\n[0-9a-f]{12} +2 +\d+ +\d+ K?B +.* ago\n/);
  });

  it('are not left alone by their hub, unless somebody says so', async () => {
    for (const args of [
      ['leave', '--purge', '--yes'],
      ['leave', '--yes'],
    ]) {
      const left = await hub.run(args);
      expect([left.code, left.stdout]).toEqual([5, '']);
      expect(left.stderr).toMatch(/space [0-9a-f]{12}: its log is ordered here, for 2 machines[^]*satchel spaces move[^]*--discard/);
      if (args.includes('--purge')) expect(left.stderr).toContain('bodies that are nowhere else');
    }
    expect((await ana.runAsking(['sync'])).code).toBe(0);
  });

  it('have a hub that stays one: it is not started as a work machine by mistake, nor the other way round', async () => {
    await hub.stop();
    expect((await hub.runAsking(['status'])).stdout).toContain('satchel up --hub');
    const { port } = new URL(address);
    // As its service starts it.
    await hub.start(['up', '--port', port]);
    expect(hub.output).toContain('The store here is a hub’s: it goes on as one.');
    expect((await hub.ask<{ hub: boolean; spaces: readonly unknown[] }>(['status'])).hub).toBe(true);
    await hub.stop();
    await hub.start(['up', '--hub', '--port', port]);
    await ana.stop();
    const asHub = await ana.run(['up', '--hub', '--port', '0']);
    expect([asHub.code, asHub.stderr]).toEqual([5, expect.stringMatching(/is a work machine’s[^]*satchel up --port 0 --hub --switch/)]);
    await ana.start();
    expect((await ana.runAsking(['sync'])).code).toBe(0);
  });

  it('does not wait for ever for words where the input ends, at none of its questions', async () => {
    const closed = new Terminal([process.execPath, ana.program, 'keys', 'recovery'], { env: ana.env });
    closed.endInput();
    expect(await closed.end()).toBe(5);
    const left = new Terminal([process.execPath, ana.program, 'keys', 'recovery'], { env: ana.env });
    await left.shows(/Go on\? \[Y\/n\] /);
    left.type('y');
    await left.shows(/the screen is cleared/);
    left.type('');
    await left.shows(/Word number \d+: /);
    left.press('\u0004');
    await left.shows(/the words were not confirmed, so the key stays here/);
    expect(await left.end()).toBe(1);
  });

  it('shows the recovery key once, on a terminal, and wants it repeated', async () => {
    expect((await ana.runAsking(['status'])).stdout).toContain('The recovery key was never written down. Run: satchel keys recovery');
    const terminal = new Terminal([process.execPath, ana.program, 'keys', 'recovery'], { env: ana.env });
    await terminal.shows(/Go on\? \[Y\/n\] /);
    terminal.type('y');
    const read = async (): Promise<string[]> => {
      const screen = plain(await terminal.shows(/ 1 [a-z][^]*24 [a-z]+ *\r/));
      return [...screen.matchAll(/\b(\d+) ([a-z]+)\b/g)].toSorted((a, b) => Number(a[1]) - Number(b[1])).map((match) => match[2] as string);
    };
    const answer = async (spoil: (word: string) => string): Promise<void> => {
      for (let i = 0; i < 2; i++) {
        const [, number] = /Word number (\d+): $/.exec(await terminal.shows(/Word number \d+: /)) ?? [];
        terminal.type(spoil(words[Number(number) - 1] ?? ''));
      }
    };
    words = await read();
    expect(words).toHaveLength(24);
    terminal.type('');
    await answer(() => 'wrong');
    await terminal.shows(/That is not what was shown\. Once more:/);
    expect(await read()).toEqual(words);
    terminal.type('');
    await answer((word) => word);
    await terminal.shows(/It is only on your paper now/);
    expect(await terminal.end()).toBe(0);
    const again = new Terminal([process.execPath, ana.program, 'keys', 'recovery'], { env: ana.env });
    await again.shows(/Go on\? \[Y\/n\] /);
    again.type('y');
    await again.shows(/it was shown, or made elsewhere[^]*satchel keys recovery --replace/);
    expect(await again.end()).toBe(5);
    // The words on paper go on working unless one says yes to what that means.
    const replace = new Terminal([process.execPath, ana.program, 'keys', 'recovery', '--replace'], { env: ana.env });
    await replace.shows(/24 words that you wrote down before open nothing from then on[^]*Go on\? \[y\/N\] /);
    replace.type('');
    await replace.shows(/Nothing was changed, and nothing shown/);
    expect(await replace.end()).toBe(0);
    expect((await ana.runAsking(['status'])).stdout).not.toContain('never written down');
  });

  it('revokes one that is lost: it reads and writes nothing new, and is told so', async () => {
    await bea.stop();
    const revoked = await ana.runAsking(['machines', 'revoke', 'bea', '--yes']);
    expect([revoked.code, revoked.stdout]).toEqual([0, expect.stringContaining('Revoked bea')]);
    ana.write('CLAUDE.md', 'not for bea\n');
    expect((await ana.runAsking(['sync'])).code).toBe(0);
    bea.write('rules/b.md', 'from the thief\n');
    await bea.start();
    await until('bea is told', async () =>
      (await bea.runAsking(['status'])).stdout.startsWith('Not syncing: this machine was revoked by ana'),
    );
    const { stdout } = await bea.runAsking(['status']);
    expect(stdout).toMatch(/This machine was revoked by ana \([0-9a-f]{12}\) with record \d+, known here since /);
    expect(stdout).toMatch(
      /1 change made here was sent nowhere[^]*To clean up: satchel leave --purge --discard[^]*To take part again at .*satchel invite/,
    );
    expect((await bea.runAsking(['sync'])).stderr).toMatch(/was revoked by ana/);
    expect(bea.read('CLAUDE.md')).toBe('first\n');
    expect(ana.read('rules/b.md')).toBeNull();
    expect((await ana.run(['audit'])).stdout).toMatch(/bea/);
    expect((await ana.runAsking(['machines', 'revoke', 'bea', '--yes'])).code).toBe(2);
  });

  it('brings everything back with the words, where all machines are lost', async () => {
    const names = (await ana.ask<Machines>(['machines'])).machines.map(({ name }) => name);
    await Promise.all([ana.kill(), bea.kill()]);
    for (const lost of [ana, bea]) rmSync(lost.home, { recursive: true });
    const wrong = [...words.slice(1), words[0]].join(' ');
    expect([2, 5]).toContain((await fresh.run(['keys', 'recover', address, '-'], wrong)).code);
    // Right words of something else: 24 that belong together, and open nothing there.
    const stranger = await fresh.run(['keys', 'recover', address, '-'], secretToWords(createSystemRandom().bytes(32)));
    expect([stranger.code, existsSync(fresh.store)]).toEqual([5, false]);
    const recovered = await fresh.run(['keys', 'recover', address, '-'], words.join(' '));
    expect([recovered.code, recovered.stderr]).toEqual([0, '']);
    expect(recovered.stdout).toMatch(/personal: 1 items? (?:are|is) back[^]*Still listed: ana[^]*To carry it from now on: satchel up\n$/);
    expect(fresh.read('CLAUDE.md')).toBe('not for bea\n');
    await fresh.start();
    await until('its file is back', () => fresh.read('CLAUDE.md') === 'not for bea\n');
    expect((await fresh.runAsking(['log', 'CLAUDE.md'])).stdout).toContain('ana');
    for (const name of names.filter((each) => each === 'ana'))
      expect((await fresh.runAsking(['machines', 'revoke', name, '--yes'])).code).toBe(0);
    const { machines } = await fresh.ask<Machines>(['machines']);
    expect(machines.map(({ here, role }) => [here, role])).toEqual([[true, 'owner']]);
    expect(readFileSync(`${fresh.store}/keys/machine.json`, 'utf8')).not.toContain(words[0]);
    expect((await fresh.runAsking(['doctor'])).code).toBe(0);
  });
});
