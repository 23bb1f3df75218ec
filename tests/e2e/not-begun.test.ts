import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { formatJoinLink } from '../../src/core/joining/link.ts';
import { secretToWords } from '../../src/core/joining/words.ts';
import { createSystemRandom } from '../../src/node/system.ts';
import { Machine, makeRoot, until } from './machine.ts';
import { runHere } from './run-here.ts';

/** A machine that was to begin with `join` or `keys recover`, and did not get that far. */
describe('a beginning that fails', () => {
  const { root, remove } = makeRoot();
  const [ana, bea] = ['ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine];
  const random = createSystemRandom();
  const nowhere = 'http://127.0.0.1:1';
  const attempts: readonly (readonly [string, readonly string[], string])[] = [
    [
      'join',
      [
        'join',
        '--once',
        formatJoinLink({
          remote: { address: nowhere, hubKey: '5'.repeat(64) },
          secret: random.bytes(16),
          space: null,
          inviter: null,
          head: null,
          invites: 'hub',
        }),
      ],
      '',
    ],
    ['join by words', ['join', '--once', nowhere, '--words', '-'], secretToWords(random.bytes(16))],
    ['keys recover', ['keys', 'recover', nowhere, '-'], secretToWords(random.bytes(32))],
  ];

  beforeAll(async () => {
    ana.write('CLAUDE.md', 'one\n');
    await ana.start();
  });
  afterAll(async () => {
    await Promise.all([ana.kill(), bea.kill()]);
    remove();
  });

  it.each(attempts)('leaves nothing of %s from a hub that is out of reach', async (name, args, input) => {
    const home = path.join(root, name);
    const failed = await runHere(args, home, input);
    expect([failed.code, existsSync(path.join(home, '.satchel'))]).toEqual([4, false]);
    // Nor does it take anything that was there before.
    const satchel = path.join(home, '.satchel');
    mkdirSync(satchel, { recursive: true, mode: 0o700 });
    writeFileSync(path.join(satchel, 'config.json'), '{"port": 0}', { mode: 0o600 });
    expect(await runHere(args, home, input)).toEqual(failed);
    expect(readdirSync(satchel)).toEqual(['config.json']);
  });

  it('goes on with the same link where join was killed', async () => {
    const { link } = await ana.ask<{ link: string }>(['invite']);
    const killed = bea.run(['join', link, '--name', 'bea', '--once']);
    await bea.killWhen(async () => (await ana.runAsking(['machines'])).stdout.includes('bea'));
    await killed;
    expect(await bea.run(['join', link, '--name', 'bea', '--once'])).toMatchObject({ code: 0, stderr: '' });
    expect(bea.read('CLAUDE.md')).toBe('one\n');
    const { machines } = await ana.ask<{ machines: readonly { name: string }[] }>(['machines']);
    expect(machines.map(({ name }) => name).filter((name) => name === 'bea')).toHaveLength(1);
    expect(machines).toHaveLength(2);
  });

  it('says what it left where others may know this machine by now, and goes on', async () => {
    const stick = path.join(root, 'stick');
    mkdirSync(stick);
    await ana.ask(['remotes', 'add', stick]);
    await ana.ask(['spaces', 'move', 'personal', stick]);
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await ana.stop();
    const cem = new Machine(root, 'cem', inject('program'));
    const joining = spawn(process.execPath, [cem.program, 'join', link, '--once', '--name', 'cem'], { env: cem.env, stdio: 'pipe' });
    const said = { stdout: '', stderr: '' };
    joining.stdout.on('data', (part: Buffer) => (said.stdout += part.toString()));
    joining.stderr.on('data', (part: Buffer) => (said.stderr += part.toString()));
    await until('it waits', () => said.stdout.includes('Waiting for'));
    joining.kill('SIGINT');
    await once(joining, 'close');
    expect(said.stderr).toMatch(/interrupted[^]*What was begun is kept in .*\.satchel[^]*with the same link: satchel join/);
    await ana.start();
    expect(await cem.run(['join', link, '--once'])).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('as cem') });
    expect(cem.read('CLAUDE.md')).toBe('one\n');
    await cem.kill();
  });
});
