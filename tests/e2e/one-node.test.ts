import { lstatSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { Machine, makeRoot } from './machine.ts';

let place: ReturnType<typeof makeRoot>;
let machine: Machine;
beforeEach(() => {
  place = makeRoot();
  machine = new Machine(place.root, 'ana', inject('program'));
});
afterEach(async () => {
  await machine.kill();
  place.remove();
});

/** Everything under a folder that others than its owner may use, with its mode. */
function open(folder: string): string[] {
  const names = ['', ...readdirSync(folder, { recursive: true }).map(String)];
  return names
    .map((name) => ({ name, mode: lstatSync(path.join(folder, name)).mode & 0o777 }))
    .filter(({ mode }) => (mode & 0o077) !== 0)
    .map(({ name, mode }) => `${name} ${mode.toString(8)}`);
}

describe('one node a store', () => {
  it('says where the first runs, and starts again at once after that one was killed', async () => {
    machine.write('CLAUDE.md', 'base\n');
    await machine.start();
    const { address } = await machine.ask<{ address: string }>(['status']);
    const second = await machine.run(['up', '--port', '0']);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`this node runs already as process ${machine.pid}, at ${address}`);
    await machine.stop('SIGKILL');
    await machine.start();
    expect((await machine.ask<{ running: boolean }>(['status'])).running).toBe(true);
    await machine.stop();
    expect(readdirSync(machine.store)).not.toContain('lock-holder.json');
  });

  it('is asked by commands that load nothing of what a node does', async () => {
    const saying = path.join(machine.home, 'saying.cjs');
    writeFileSync(saying, "process.on('exit', () => console.log(Object.keys(require.cache).join('\\n')))");
    const { stdout } = await machine.run(['invite'], '', { ...machine.env, NODE_OPTIONS: `--require ${saying}` });
    const loaded = stdout.split('\n').map((file) => path.basename(file).replace(/-.{8}\.js$/, ''));
    expect(loaded).toContain('asking');
    expect(loaded).not.toContain('node');
    expect(loaded).not.toContain('beside');
  });

  it.each(['022', '000'])('keeps what it writes to its user, with umask %s', async (umask) => {
    const before = process.umask(Number.parseInt(umask, 8));
    try {
      machine.write('CLAUDE.md', 'base\n');
      machine.write('plans/large.md', 'large\n'.repeat(20_000));
      await machine.start(['up', '--port', '0', '--host', '0.0.0.0', '--yes']);
      await machine.ask(['invite']);
      await machine.ask(['sync']);
      await machine.ask(['store', 'backup', path.join(machine.store, 'backup.age')]);
      expect(open(machine.store)).toEqual([]);
      await machine.stop('SIGKILL');
      await machine.ask(['log']); // in its own process, what was left behind notwithstanding
      await machine.start();
      await machine.stop();
      expect(open(machine.store)).toEqual([]);
    } finally {
      process.umask(before);
    }
  });
});
