import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, inject, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import { SatchelNode } from '../../src/node/node.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { Machine, makeRoot, until } from '../e2e/machine.ts';

const ITEMS = 40;

/** Opens a stopped machine's store in this process. */
async function withNode<T>(machine: Machine, work: (node: SatchelNode) => Promise<T>): Promise<T> {
  const environment = readEnvironment({ HOME: machine.home });
  const config = environment.ok ? await loadConfig(environment.value) : environment;
  if (!config.ok) throw new Error('the configuration does not load');
  const node = await SatchelNode.open(config.value, { version: '0' });
  return work(node).finally(() => node.close());
}

const nameOf = (index: number): string => `plans/${index}.md`;

/** What a week without a network leaves: drafts of two files each, so that all of them hang together. */
function draftOffline(machine: Machine, count: number): Promise<void> {
  return withNode(machine, async (node) => {
    const [open] = [...node.spaces.values()];
    if (open === undefined) throw new Error('no space');
    const workspace = createReplicaWorkspace(open.replica, { writer: 'soak', covers: () => true });
    const outstanding = await workspace.outstanding();
    await workspace.applied(outstanding.map(({ item, content }) => ({ item, content, local: null })));
    for (let turn = 0; turn < count; turn++) {
      const names = new Set([turn % ITEMS, (turn * 7 + 3) % ITEMS].map(nameOf));
      const found = [...names].map((name) => ({
        type: 'body' as const,
        item: { kind: 'text', name },
        attributes: {},
        body: Buffer.from(`offline ${turn}\nof ${name}\n\n\n\nend\n`),
        local: null,
      }));
      await workspace.capture(found, { message: '', writer: 'soak' });
    }
    await workspace.close();
  });
}

it.each([5_000, 20_000])(
  'lands %i drafts of a week, killed again and again meanwhile',
  async (count) => {
    const { root, remove } = makeRoot();
    const [hub, ana, bea] = ['hub', 'ana', 'bea'].map((name) => new Machine(root, name, inject('program'))) as [Machine, Machine, Machine];
    const random = createSeededRandom(`week ${count}`);
    try {
      for (let index = 0; index < ITEMS; index++) bea.write(nameOf(index), `begin\nof ${nameOf(index)}\n\n\n\nend\n`);
      await hub.start(['up', '--hub', '--port', '0']);
      await bea.start(['join', (await hub.ask<{ link: string }>(['invite'])).link, '--name', 'bea']);
      await ana.start(['join', (await bea.ask<{ link: string }>(['invite'])).link, '--name', 'ana']);
      await until('ana has them', () => ana.read(nameOf(ITEMS - 1)) !== null);
      await ana.stop();
      await draftOffline(ana, count);
      // Half of them were changed elsewhere, at another end of the file.
      for (let index = 0; index < ITEMS; index += 2) bea.write(nameOf(index), `begin\nof ${nameOf(index)}\n\n\n\nend\nof bea\n`);
      await bea.ask(['sync']);
      const began = performance.now();
      let [kills, most] = [0, 0];
      const isDone = async (): Promise<boolean> => (await ana.ask<{ spaces: { drafts: number }[] }>(['status'])).spaces[0]?.drafts === 0;
      await ana.start();
      for (let done = false; !done;) {
        await sleep(300 + random.below(2_500));
        most = Math.max(most, memoryOf(ana.pid));
        done = await isDone();
        if (done || kills >= 20) continue;
        await ana.stop('SIGKILL');
        kills += 1;
        await ana.start();
      }
      console.log(`${count} drafts: landed in ${Math.round((performance.now() - began) / 1000)} s with ${kills} kills, ${most} MB at most`);
      await bea.ask(['sync']);
      await ana.stop();
      await bea.stop();
      const held = await withNode(bea, async (node) => {
        const [open] = [...node.spaces.values()];
        const space = open?.replica.space;
        if (space === undefined) throw new Error('no space');
        return new Set(
          (await node.store.read((tx) => tx.items.historyByPosition(space, { limit: 10_000_000 }))).map((entry) => entry.content?.digest),
        );
      });
      const wanted = await withNode(ana, async (node) => {
        const [open] = [...node.spaces.values()];
        if (open === undefined) throw new Error('no space');
        return Array.from({ length: count }, (_, turn) =>
          [turn % ITEMS, (turn * 7 + 3) % ITEMS]
            .map(nameOf)
            .map((name) => open.replica.bodies.digestOf(Buffer.from(`offline ${turn}\nof ${name}\n\n\n\nend\n`), {})),
        ).flat();
      });
      expect(wanted.filter((digest) => !held.has(digest))).toEqual([]);
      expect(most).toBeLessThan(600);
    } finally {
      await Promise.all([hub, ana, bea].map((machine) => machine.kill()));
      remove();
    }
  },
  1_800_000,
);

/** Megabytes in memory; 0 where the system does not say. */
function memoryOf(pid: number | undefined): number {
  try {
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
  } catch {
    return 0; // it ended, or this is no Linux
  }
}
