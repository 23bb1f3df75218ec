import type { MachineId, SpaceId } from '../../../src/core/ids.ts';
import { addMember } from '../../../src/core/replica/administer.ts';
import { backfill, beginWithCheckpoint, writeCheckpoint } from '../../../src/core/replica/late-join.ts';
import { Replica } from '../../../src/core/replica/replica.ts';
import { pull } from '../../../src/core/replica/pull.ts';
import { createHubRemote } from '../../../src/remotes/hub/hub-remote.ts';
import { peakMegabytes } from '../process-figures.ts';
import { createBenchMachine } from './bench-space.ts';

/** What one machine of a space does, in a process of its own, so that its memory and CPU are its own. */
export interface Joining {
  /** `follow`: reads and replays the whole log, and adds the one that joins. `checkpoint`: writes one. `join`: begins with it. `history`: fetches and replays all before it, and what came since. */
  readonly what: 'follow' | 'checkpoint' | 'join' | 'history';
  readonly url: string;
  readonly key: MachineId;
  readonly space: SpaceId;
  readonly machine: { readonly name: string; readonly seed: string; readonly file: string };
  /** Who joins. */
  readonly other: { readonly name: string; readonly seed: string };
}

export interface Joined {
  readonly seconds: number;
  readonly cpu: number;
  readonly peakMegabytes: number;
}

const { what, url, key, space, machine, other } = JSON.parse(process.argv[2] ?? '') as Joining;
const deps = await createBenchMachine(machine.name, machine.seed, machine.file);
const remote = createHubRemote({ url, key, signing: deps.machine.key, clock: deps.clock, random: deps.random });
const replica = what === 'join' ? Replica.create(deps, space) : await Replica.open(deps, space);
replica.setRemote(remote);
const before = process.cpuUsage();
const began = performance.now();
if (what === 'follow') await pull(replica, remote);
if (what === 'checkpoint' && !(await writeCheckpoint(replica, remote))) throw new Error('no checkpoint was written');
if (what === 'join' && !(await beginWithCheckpoint(replica, remote))) throw new Error('the checkpoint was not used');
if (what === 'history') {
  await pull(replica, remote);
  let result = await backfill(replica, remote);
  while (result === 'more') result = await backfill(replica, remote);
  if (result !== 'done') throw new Error(`the history is ${result}`);
}
const seconds = (performance.now() - began) / 1_000;
const { user, system } = process.cpuUsage(before);
const joined: Joined = { seconds, cpu: (user + system) / 1e6, peakMegabytes: Math.round((await peakMegabytes(process.pid)) ?? 0) };
if (what === 'follow') {
  const joiner = await createBenchMachine(other.name, other.seed);
  const { key: signing, recipient } = joiner.machine;
  await addMember(replica, remote, { machine: signing.machine, recipient, name: other.name, role: 'writer', account: null });
  await joiner.store.close();
}
process.stdout.write(`${JSON.stringify(joined)}\n`);
await remote.close();
await deps.store.close();
