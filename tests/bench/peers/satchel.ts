import { mkdir, realpath, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { projectFolder } from '../../../src/kinds/claude-home/project-folder.ts';
import { projectOf } from '../corpus.ts';
import { run } from '../measured-process.ts';
import type { Measurement, Peer, PeerSession, Place } from '../peer.ts';
import { cpuSecondsOf } from '../process-figures.ts';
import { startCountingProxy, type CountingProxy } from '../satchel/counting-proxy.ts';
import { measureGrowing } from '../satchel/growing.ts';
import { measureResident } from '../satchel/resident.ts';
import { findProgram, SatchelMachine } from '../satchel/satchel-machine.ts';

/**
 * Satchel as it is used: a hub, and a machine that was joined and is up (its tree is `target`), both running. A step is
 * `satchel sync` in a new process on the machine of `source`, without a node of its own, and then until the other has put
 * everything in place; where nothing changed it ends with the process. Bytes are all that passes between both machines and
 * the hub, counted by proxies that they reach it through: all that changed passes twice.
 */
export const satchelPeer: Peer = satchelWay('Satchel', {
  prepare: () => Promise.resolve(),
  receive: (machine, { target }) => machine.carry(target),
  send: (machine, { source }) => machine.carry(source),
  figures: async ({ hub, here, there }, { source, target }) => measureResident({ hub, here, there, source, target }),
});

/** The same without the proxies, which pass all that is carried through the bench's own process twice, on the same cores. */
export const satchelUncountedFilesPeer: Peer = satchelWay('Satchel uncounted', {
  counts: false,
  prepare: () => Promise.resolve(),
  receive: (machine, { target }) => machine.carry(target),
  send: (machine, { source }) => machine.carry(source),
  figures: () => Promise.resolve({}),
});

/**
 * The same with the corpus as the Claude home of both machines, by the whole inventory, forms and consent, which are on the way
 * of every file then; the corpus's project is a folder that both have.
 */
export const satchelHomePeer: Peer = satchelWay('Satchel-home', {
  async prepare({ source, work }) {
    const folder = path.join(work, 'project');
    await mkdir(folder);
    await rename(path.join(source, await projectOf(source)), path.join(source, 'projects', projectFolder(await realpath(folder))));
  },
  async receive(machine, { target }) {
    await machine.live(target);
    await machine.command('approve', '--trust-own');
  },
  async send(machine, { source, work }) {
    await machine.live(source);
    // As Claude Code notes where it was used: the transcripts name a folder of another machine.
    const projects = { [await realpath(path.join(work, 'project'))]: {} };
    await writeFile(path.join(machine.home, '.claude.json'), JSON.stringify({ projects }));
  },
  figures: (machines, { source }, proxies) => measureGrowing({ ...machines, ...proxies, source }),
});

export interface Machines {
  readonly hub: SatchelMachine;
  readonly here: SatchelMachine;
  readonly there: SatchelMachine;
}

export interface Proxies {
  readonly near: CountingProxy;
  readonly far: CountingProxy;
}

/** What is carried, and what is measured of it besides the steps. */
export interface Way {
  /** Whether bytes are counted; else nothing stands between the machines and the hub. Default: true. */
  readonly counts?: boolean;
  prepare(place: Place): Promise<void>;
  /** The machine of `target`, once it joined. */
  receive(machine: SatchelMachine, place: Place): Promise<void>;
  /** The machine of `source`, once it joined. */
  send(machine: SatchelMachine, place: Place): Promise<void>;
  figures(machines: Machines, place: Place, proxies: Proxies): Promise<Record<string, number>>;
}

/** A peer of Satchel's: three machines, and a way of using them. */
export function satchelWay(name: string, way: Way): Peer {
  return { name, available, open: (place) => open(place, way) };
}

async function available(): Promise<string | null> {
  const program = findProgram();
  return program === null ? null : (await run([process.execPath, program, '--version'])).stdout.trim();
}

async function open(place: Place, way: Way): Promise<PeerSession> {
  const { work } = place;
  const program = findProgram();
  if (program === null) throw new Error('satchel is not built: npm run build');
  await way.prepare(place);
  const hub = await SatchelMachine.make(program, path.join(work, 'hub'), null);
  const here = await SatchelMachine.make(program, path.join(work, 'here'), null);
  const there = await SatchelMachine.make(program, path.join(work, 'there'), null);
  await hub.up('--hub');
  const port = Number(new URL((await hub.running()).address).port);
  const isCounted = way.counts !== false;
  const leg = (): Promise<CountingProxy> => (isCounted ? startCountingProxy(port) : Promise.resolve(uncounted(port)));
  const [near, far] = [await leg(), await leg()];
  // The space is made on the second machine, whose tree is empty, so that nothing of the corpus is captured before.
  await there.up();
  await there.command('join', await hub.invite(far.port));
  await here.command('join', '--once', await there.invite(near.port));
  await there.down();
  await way.receive(there, place);
  await there.up();
  await way.send(here, place);
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
      wireBytes: isCounted ? near.bytes() - nearBefore + far.bytes() - farBefore : null,
      parts: changes ? { sync: capture.seconds, 'until there': seconds - capture.seconds } : { sync: capture.seconds },
    };
  };
  return {
    firstSync: () => sync(true),
    noChange: () => sync(false),
    edit: () => sync(true),
    figures: async () => ({ ...(isCounted ? legs : {}), ...(await way.figures({ hub, here, there }, place, { near, far })) }),
    async close() {
      await Promise.all([here.down(), there.down()]);
      await hub.down();
      await Promise.all([near.close(), far.close()]);
    },
  };
}

function uncounted(port: number): CountingProxy {
  return { port, bytes: () => 0, close: () => Promise.resolve() };
}
