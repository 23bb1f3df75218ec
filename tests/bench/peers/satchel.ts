import path from 'node:path';
import { run } from '../measured-process.ts';
import type { Measurement, Peer } from '../peer.ts';
import { cpuSecondsOf } from '../process-figures.ts';
import { startCountingProxy } from '../satchel/counting-proxy.ts';
import { measureResident } from '../satchel/resident.ts';
import { findProgram, SatchelMachine } from '../satchel/satchel-machine.ts';

/**
 * Satchel as it is used: a hub, and a machine that was joined and is up (its tree is `target`), both running. A step is
 * `satchel sync` in a new process on the machine of `source`, without a node of its own, and then until the other has put
 * everything in place; where nothing changed it ends with the process. Bytes are all that passes between both machines and
 * the hub, counted by proxies that they reach it through: all that changed passes twice.
 */
export const satchelPeer: Peer = {
  name: 'Satchel',
  async available() {
    const program = findProgram();
    return program === null ? null : (await run([process.execPath, program, '--version'])).stdout.trim();
  },
  async open({ source, target, work }) {
    const program = findProgram();
    if (program === null) throw new Error('satchel is not built: npm run build');
    const hub = await SatchelMachine.make(program, path.join(work, 'hub'), null);
    const here = await SatchelMachine.make(program, path.join(work, 'here'), null);
    const there = await SatchelMachine.make(program, path.join(work, 'there'), target);
    await hub.up('--hub');
    const port = Number(new URL((await hub.running()).address).port);
    const [near, far] = [await startCountingProxy(port), await startCountingProxy(port)];
    // The space is made on the second machine, whose tree is empty, so that nothing of the corpus is captured before.
    await there.up();
    await there.command('join', await hub.invite(far.port));
    await here.command('join', '--once', await there.invite(near.port));
    await here.carry(source);
    let legs: Record<string, number> = {};
    const sync = async (changes: boolean): Promise<Measurement> => {
      const [nearBefore, farBefore] = [near.bytes(), far.bytes()];
      const cpu = await cpuSecondsOf([hub.pid, there.pid]);
      const began = performance.now();
      const capture = await here.measured('sync');
      if (changes) await there.ask('sync');
      const seconds = (performance.now() - began) / 1000;
      legs = {
        'last step, KB to the hub': (near.bytes() - nearBefore) / 1000,
        'last step, KB from the hub': (far.bytes() - farBefore) / 1000,
      };
      const cpuAfter = await cpuSecondsOf([hub.pid, there.pid]);
      const cpuSeconds = cpu === null || cpuAfter === null ? null : capture.cpuSeconds + cpuAfter - cpu;
      return {
        seconds: changes ? seconds : capture.seconds,
        cpuSeconds,
        wireBytes: near.bytes() - nearBefore + far.bytes() - farBefore,
        parts: changes ? { sync: capture.seconds, 'until there': seconds - capture.seconds } : { sync: capture.seconds },
      };
    };
    return {
      firstSync: () => sync(true),
      noChange: () => sync(false),
      edit: () => sync(true),
      figures: async () => ({ ...legs, ...(await measureResident({ hub, here, there, source, target })) }),
      async close() {
        await Promise.all([here.down(), there.down()]);
        await hub.down();
        await Promise.all([near.close(), far.close()]);
      },
    };
  },
};
