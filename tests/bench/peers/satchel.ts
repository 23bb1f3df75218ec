import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { countBytesTo } from '../byte-counter.ts';
import { run, runMeasured } from '../measured-process.ts';
import type { Measurement, Peer, Place } from '../peer.ts';

/** The bench runs in the package's folder, as every npm script does. */
const program = path.resolve('dist/cli/main.js');

/**
 * Satchel as one-shot commands: a hub that is up, and `satchel sync` on either machine, each a process from cold. What
 * crosses the network is counted between the machines and the hub, both ways, by a relay. Everything is encrypted,
 * durable at the hub and on both machines, and has its history.
 */
export const satchelPeer: Peer = {
  name: 'Satchel',
  available: async () => (await run([process.execPath, program, '--version'])).stdout.trim(),
  async open(place) {
    const hub = await startHub(path.join(place.work, 'hub'));
    const wire = await countBytesTo(hub.port);
    const [near, far] = [await machine(place, 'near', place.source), await machine(place, 'far', place.target)];
    await near(['join', through(await linkOf(hub.ask), wire.port), '--once']);
    const inviting = await stay(near.environment);
    await far(['join', through(await linkOf(near.ask), wire.port), '--once']);
    await inviting.stop();
    const counted = async (work: () => Promise<Omit<Measurement, 'wireBytes'>>): Promise<Measurement> => {
      const before = wire.bytes();
      const measured = await work();
      return { ...measured, wireBytes: wire.bytes() - before };
    };
    const sync = (): Promise<Measurement> =>
      counted(async () => {
        const [sent, received] = [await near(['sync']), await far(['sync'])];
        return {
          seconds: sent.seconds + received.seconds,
          cpuSeconds: sent.cpuSeconds + received.cpuSeconds,
          parts: { send: sent.seconds, receive: received.seconds },
        };
      });
    /** Both machines look at once: they do not need each other for it. */
    const look = (): Promise<Measurement> =>
      counted(async () => {
        const began = performance.now();
        const [a, b] = await Promise.all([near(['sync']), far(['sync'])]);
        return { seconds: (performance.now() - began) / 1000, cpuSeconds: a.cpuSeconds + b.cpuSeconds };
      });
    return {
      firstSync: sync,
      noChange: look,
      edit: sync,
      async close() {
        await hub.stop();
        await wire.close();
      },
    };
  },
};

type Environment = Readonly<Record<string, string>>;

/** A machine that carries one folder; its Claude home is empty. */
async function machine(place: Place, name: string, folder: string) {
  const home = path.join(place.work, name);
  await mkdir(path.join(home, '.satchel'), { recursive: true, mode: 0o700 });
  await mkdir(path.join(home, '.claude'), { recursive: true });
  const config = { port: 0, logLevel: 'warn', sources: [{ id: 'corpus', path: folder }] };
  await writeFile(path.join(home, '.satchel/config.json'), JSON.stringify(config), { mode: 0o600 });
  const environment: Environment = { HOME: home };
  const command = (args: readonly string[]) => runMeasured([process.execPath, program, ...args], { env: environment });
  return Object.assign(command, { environment, ask: asking(environment) });
}

const asking = (environment: Environment) => async (args: readonly string[]) =>
  (await run([process.execPath, program, ...args, '--json'], { env: environment })).stdout;

async function linkOf(ask: (args: readonly string[]) => Promise<string>): Promise<string> {
  return (JSON.parse(await ask(['invite'])) as { link: string }).link;
}

/** The fragment says who the hub is, so that another port is the same hub. */
function through(link: string, port: number): string {
  return link.replace(/^(http:\/\/[^:#]+:)\d+/, `$1${port}`);
}

async function startHub(home: string) {
  await mkdir(home, { recursive: true });
  const environment: Environment = { HOME: home };
  const { stop } = await stay(environment, ['up', '--hub', '--port', '0']);
  const ask = asking(environment);
  const { address } = JSON.parse(await ask(['status'])) as { address: string };
  return { port: Number(new URL(address).port), ask, stop };
}

/** A node in the foreground, until it is stopped. */
async function stay(environment: Environment, args: readonly string[] = ['up', '--yes']): Promise<{ readonly stop: () => Promise<void> }> {
  const node: ChildProcess = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  node.stdout?.on('data', (part: Buffer) => (output += part.toString()));
  while (!output.includes('Ctrl-C')) {
    if (node.exitCode !== null) throw new Error(`satchel ${args.join(' ')} ended with ${node.exitCode}`);
    await sleep(20);
  }
  return {
    async stop() {
      node.kill('SIGTERM');
      if (node.exitCode === null) await once(node, 'exit');
    },
  };
}
