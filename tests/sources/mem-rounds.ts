import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';
import type { Workspace } from '../../src/core/replica/workspace.ts';
import type { MemSchema } from './mem-database.ts';
import { createMemWorld, type MemMachine } from './mem-world.ts';

class Died extends Error {}

/** On a slow machine a round takes long: what is done in it must not make the next one take longer, and so on. */
const DEEDS_A_ROUND = 5;

/**
 * Rounds of syncing between machines on which claude-mem works all the while, and whose nodes die at random: before or after any
 * call of the source's to its space. The workers pause for up to `pauseMs` between transactions. In the end all have the same rows, and SQLite finds nothing wrong.
 */
export async function runRounds(
  seed: number,
  rounds: number,
  schemas: readonly MemSchema[],
  pauseMs = 60,
): Promise<{ readonly rows: number; readonly deaths: number }> {
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  const world = await createMemWorld(`rounds-${seed}`, schemas, {
    ...{ deletions: 1_000_000, manyDeletions: 1_000_000 },
    seriesRows: 1,
    readBesideRows: 1,
    // With few rows to a batch several are underway at the same time.
    ...(seed % 2 === 0 ? { batchRows: 2 } : {}),
  });
  // Some have another thread read and write, as far as that can be told.
  for (const [index, machine] of world.machines.entries()) machine.worksBeside = index % 2 === 0;
  let armed = true;
  let deaths = 0;
  const mortal = (inner: Workspace): Workspace => {
    let left = 5 + random(60);
    const call = async <T>(work: () => Promise<T>): Promise<T> => {
      left -= armed ? 1 : 0;
      if (left === 0 && random(2) === 0) throw new Died();
      const result = await work();
      if (left === 0) throw new Died();
      if (left < 0) throw new Died();
      return result;
    };
    return {
      ...inner,
      capture: (found, note) => call(() => inner.capture(found, note)),
      intend: (items) => call(() => inner.intend(items)),
      applied: (results) => call(() => inner.applied(results)),
      notHere: (items) => call(() => inner.notHere(items)),
      outstanding: () => call(() => inner.outstanding()),
    };
  };
  for (const machine of world.machines) machine.decorate = mortal;
  for (const machine of world.machines) machine.start();

  const failures: string[] = [];
  const writers = world.machines.map(({ db }, index) => {
    const worker = new Worker(new URL('./mem-writer.mjs', import.meta.url), {
      workerData: { file: db.file, seed: seed * 100 + index, pauseMs, most: rounds * DEEDS_A_ROUND },
    });
    const ended = new Promise<void>((resolve) => {
      worker.on('message', (message: { type: string; message?: string }) => {
        if (message.type === 'failed') failures.push(message.message ?? '');
        resolve();
      });
    });
    return { worker, ended };
  });
  try {
    for (let round = 0; round < rounds && failures.length === 0; round += 1) {
      await delay(random(25));
      const machine = world.machines[random(world.machines.length)] as MemMachine;
      try {
        await machine.sync();
      } catch (error) {
        if (!(error instanceof Died)) throw error;
        deaths += 1;
        await machine.restart();
      }
    }
    for (const { worker, ended } of writers) {
      worker.postMessage('stop', []);
      await ended;
    }
    expect(failures).toEqual([]);
    armed = false;
    for (const machine of world.machines) await machine.restart();
    await world.settle();
    const [first, ...others] = world.machines as [MemMachine, ...MemMachine[]];
    for (const { db, source } of world.machines) {
      db.check();
      expect([...source.waiting(), ...source.skipped()]).toEqual([]);
      expect(source.state()).toEqual({ type: 'ok' });
    }
    for (const other of others) expect(other.db.rows(first.db)).toEqual(first.db.rows(other.db));
    const { position } = first.machine.replica;
    await world.settle();
    expect(first.machine.replica.position).toBe(position);
    return { rows: first.db.get<number>('SELECT count(*) FROM observations'), deaths };
  } finally {
    for (const { worker } of writers) await worker.terminate();
    await world.close();
  }
}
