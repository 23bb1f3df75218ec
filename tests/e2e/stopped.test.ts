import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, inject, it } from 'vitest';
import { Machine, makeRoot, until } from './machine.ts';

interface Status {
  readonly in_sync: boolean;
  readonly spaces: readonly { readonly drafts: number }[];
}

let place: ReturnType<typeof makeRoot>;
let hub: Machine;
let ana: Machine;
let bea: Machine;
beforeEach(async () => {
  place = makeRoot();
  [hub, ana, bea] = ['hub', 'ana', 'bea'].map((name) => new Machine(place.root, name, inject('program'))) as [Machine, Machine, Machine];
  ana.write('CLAUDE.md', 'base\n');
  await hub.start(['up', '--hub', '--port', '0']);
  await ana.start(['join', (await hub.ask<{ link: string }>(['invite'])).link, '--name', 'ana']);
  await bea.start(['join', (await ana.ask<{ link: string }>(['invite'])).link, '--name', 'bea']);
  await until('bea has it', () => bea.read('CLAUDE.md') === 'base\n');
});
afterEach(async () => {
  for (const machine of [hub, ana, bea]) await machine.kill();
  place.remove();
});

const status = (machine: Machine): Promise<Status> => machine.ask<Status>(['status']);

function signal(machine: Machine, name: 'SIGSTOP' | 'SIGCONT'): void {
  if (machine.pid === undefined) throw new Error(`${machine.name} does not run`);
  process.kill(machine.pid, name);
}

describe('a process that is stopped, as by a lid that is closed', () => {
  it('the hub: everybody goes on alone, looks, ends; and all is sent when it wakes', async () => {
    signal(hub, 'SIGSTOP');
    ana.write('CLAUDE.md', 'base\nof ana\n');
    bea.write('plans/p.md', 'of bea\n');
    for (const machine of [ana, bea])
      await until(`${machine.name} drafts`, async () => ((await status(machine)).spaces[0]?.drafts ?? 0) > 0);
    await ana.stop();
    await ana.start();
    await until('the draft is still there', async () => ((await status(ana)).spaces[0]?.drafts ?? 0) > 0);
    signal(hub, 'SIGCONT');
    await until('bea has what ana wrote', () => bea.read('CLAUDE.md') === 'base\nof ana\n');
    await until('ana has what bea wrote', () => ana.read('plans/p.md') === 'of bea\n');
  });

  it('a machine: what changed meanwhile on both sides is there when it wakes', async () => {
    signal(bea, 'SIGSTOP');
    bea.write('CLAUDE.md', 'of bea\nbase\n');
    ana.write('CLAUDE.md', 'base\nof ana\n');
    await until('ana is in sync', async () => (await status(ana)).in_sync);
    await sleep(1_000);
    signal(bea, 'SIGCONT');
    const merged = 'of bea\nbase\nof ana\n';
    await until('both are merged', () => [ana, bea].every((machine) => machine.read('CLAUDE.md') === merged));
    await until('bea has sent all', async () => (await status(bea)).spaces[0]?.drafts === 0);
  });
});
