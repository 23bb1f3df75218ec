import { syncWith } from '../../../src/core/replica/transfer.ts';
import { createTestClock, type TestClock } from '../../contracts/test-clock.ts';
import { createSmallSpace, type SmallMachine } from '../../replica/small-space.ts';
import { NO_SERVER, type Network, type Server } from './client.ts';
import { captureFiles, type CapturedFiles } from './captured-files.ts';
import { LOCK_LIFETIME, serveGateway } from './gateway-server.ts';
import { serveRules } from './rules-server.ts';
import { judge, mulberry, play, type Outcome } from './scenario.ts';

/** The rules alone, for all three machines. */
async function playByTheRules(seed: number): Promise<Outcome> {
  const clock = createTestClock();
  const server = serveRules(clock, LOCK_LIFETIME);
  return play(seed, { clock, server: () => server, exchange: () => Promise.resolve() });
}

/** One gateway that all three machines use, as on a hub: they lock each other out. */
const playOnOneGateway = (seed: number): Promise<Outcome> => playOn(seed, undefined);

/** The same, where downloads are cut off now and then; with one connection for each process, or for each request. */
const playWithCutOffs = (seed: number): Promise<Outcome> => playOn(seed, cuttingOff(seed, true));
const playWithManyConnections = (seed: number): Promise<Outcome> => playOn(seed, cuttingOff(seed, false));

/** The same with one key for all, as the first server's file has it: what reads is known by its lock and its connection alone. */
const playWithOneKey = (seed: number): Promise<Outcome> => playOn(seed, undefined, 'shared');
const playWithOneKeyAndManyConnections = (seed: number): Promise<Outcome> => playOn(seed, cuttingOff(seed, false), 'shared');

function cuttingOff(seed: number, isKeptAlive: boolean): Network {
  const random = mulberry(seed + 7_919);
  return { isKeptAlive, cutsOff: () => random() < 0.25 };
}

async function playOn(seed: number, network: Network | undefined, sharedKey?: string): Promise<Outcome> {
  const { owner } = await createSmallSpace(`mneme-${seed}`);
  const clock = owner.deps.clock as TestClock;
  const gateway = serveGateway({ store: owner.deps.store, clock, replica: () => owner.replica });
  const server: Server = {
    ask: (call) => gateway.ask({ ...call, key: sharedKey ?? call.key }),
    ended: (connection) => gateway.ended(connection),
  };
  const surroundings = { clock, server: () => server, exchange: () => Promise.resolve(), ...(network === undefined ? {} : { network }) };
  return {
    ...(await play(seed, surroundings)),
    mayComeBack: sharedKey !== undefined,
    mayMiscount: sharedKey !== undefined && network?.isKeptAlive === false,
  };
}

/** One gateway, to whom each request comes on a connection of its own, whose end it does not see: what a client received shows only what it pushes. */
async function playWithoutEnds(seed: number): Promise<Outcome> {
  const { owner } = await createSmallSpace(`mneme-${seed}`);
  const clock = owner.deps.clock as TestClock;
  const gateway = serveGateway({ store: owner.deps.store, clock, replica: () => owner.replica });
  const server: Server = { ask: (call) => gateway.ask({ ...call, connection: {} }), ended: () => undefined };
  return { ...(await play(seed, { clock, server: () => server, exchange: () => Promise.resolve() })), mayComeBack: true };
}

/** Each machine has a gateway of its own, on a space that is synced now and then. */
const playOnThreeMachines = (seed: number): Promise<Outcome> => playOnMachines(seed, []);

/** As above, but one machine's client does not sync: the node captures its files, and puts there what comes. */
const playOnTwoWays = (seed: number): Promise<Outcome> => playOnMachines(seed, ['late']);

async function playOnMachines(seed: number, captured: readonly string[]): Promise<Outcome> {
  const space = await createSmallSpace(`mneme-${seed}`);
  const machines = new Map<string, SmallMachine>([['early', space.owner]]);
  for (const name of ['right', 'late']) {
    const machine = await space.machine(name);
    await space.invite(machine);
    await syncWith(machine.replica, space.hub);
    machines.set(name, machine);
  }
  const clock = space.owner.deps.clock as TestClock;
  const servers = new Map<string, Server>();
  const folders = new Map<string, CapturedFiles>();
  for (const [name, { deps, replica }] of machines) {
    if (captured.includes(name)) folders.set(name, captureFiles(replica, clock));
    else servers.set(name, serveGateway({ store: deps.store, clock: deps.clock, replica: () => replica }));
  }
  let turn = 0;
  const all = [...machines.values()];
  return play(seed, {
    clock,
    server: (machine) => servers.get(machine) ?? NO_SERVER,
    after: async (client) => folders.get(client.id)?.capture(client),
    async exchange(untilTheyAgree) {
      const due = untilTheyAgree ? [...all, ...all] : [all[(turn += 1) % all.length] as SmallMachine];
      for (const { replica } of due) await syncWith(replica, space.hub);
      for (const folder of folders.values()) await folder.apply();
    },
  });
}

/** With how many times as many seeds each is worth playing in the same time. */
export const WORLDS: readonly (readonly [name: string, playOn: (seed: number) => Promise<Outcome>, often: number])[] = [
  ['the rules alone', playByTheRules, 20],
  ['one gateway', playOnOneGateway, 1],
  ['one gateway, with downloads that are cut off', playWithCutOffs, 1],
  ['one gateway, with such and a connection for each request', playWithManyConnections, 1],
  ['one gateway with one key', playWithOneKey, 1],
  ['one gateway with one key and a connection for each request', playWithOneKeyAndManyConnections, 1],
  ['one gateway and connections whose end nobody sees', playWithoutEnds, 1],
  ['a gateway of each machine’s own', playOnThreeMachines, 1],
  ['two gateways and a captured folder', playOnTwoWays, 1],
];

/** Empty where all is well. */
export function explainMneme(seed: number, outcome: Outcome): string {
  const wrong = judge(outcome);
  return wrong.length === 0 ? '' : [`seed ${seed}:`, ...wrong.slice(0, 12), 'the trace:', ...outcome.trace].join('\n');
}
