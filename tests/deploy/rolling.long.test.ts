import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { WebSocket } from 'ws';
import { Machine, makeRoot, until } from '../e2e/machine.ts';
import { row } from '../gateways/claude-mem-ops.ts';
import { parseExposition } from '../metrics/parse-exposition.ts';
import { DeployedHubs } from './deployed-hubs.ts';

/** Of whom the last one only looks: what reaches it came by its live stream. */
const NAMES = ['ana', 'bea', 'cem', 'dan', 'eve'];
/** Milliseconds: between two edits of one machine. */
const EDIT_EVERY = 300;
/** How often all hubs are restarted, one after the other, in each way. */
const ROUNDS = 4;
/** Milliseconds until what one machine saved is on the disks of all others, whatever becomes of the hubs meanwhile. */
const SOON = 15_000;
/** Milliseconds: longer than the proxy waits for anything. */
const IDLE = 100_000;
/** Milliseconds: claude-mem's workers ping so often. */
const PING = 40_000;

/** Something that a user would have noticed. */
interface Noticed {
  /** What became of the hubs when the command began, and when it ended. */
  readonly when: readonly [string, string];
  readonly machine: string;
  readonly command: string;
  readonly code: number | null;
  readonly said: string;
}

interface Edit {
  readonly name: string;
  readonly body: string;
  readonly saved: number;
  /** When all machines had it on their disks. */
  everywhere: number | null;
}

interface Log {
  readonly commits: readonly {
    readonly commit: string;
    readonly changes: readonly { readonly item: string; readonly type: string }[];
  }[];
  readonly next: number | null;
}

/** The real nginx, PostgreSQL and nodes: `sync` and `status` are run as users run them, all the while. */
describe('hubs behind the proxy of deploy/', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  const machines: Machine[] = [];
  const edits: Edit[] = [];
  let noticed: Noticed[] = [];
  let deployed: DeployedHubs;
  let now = '';
  let turn = 0;

  beforeAll(async () => {
    deployed = await DeployedHubs.start(root, program);
    const { link } = await deployed.onHub<{ link: string }>(0, ['invite', '--hub']);
    for (const name of NAMES) machines.push(new Machine(root, name, program, { NODE_EXTRA_CA_CERTS: deployed.authority }));
    const [first, ...others] = machines as [Machine, ...Machine[]];
    first.write('CLAUDE.md', 'at home\n');
    await first.start();
    await first.ask(['remotes', 'add', '-'], link);
    expect((await first.run(['spaces', 'move', 'personal', deployed.url])).code).toBe(0);
    for (const machine of others) {
      const invited = await first.ask<{ link: string }>(['invite']);
      await machine.start(['join', invited.link, '--name', machine.name, '--yes']);
    }
  });
  afterAll(async () => {
    await Promise.all(machines.map((machine) => machine.kill()));
    await deployed?.dispose();
    remove();
  });

  function save(machine: Machine): Edit {
    turn += 1;
    const edit = { name: `rules/${machine.name}/${turn}.md`, body: `${machine.name} says ${turn}\n`, saved: performance.now() };
    machine.write(edit.name, edit.body);
    edits.push({ ...edit, everywhere: null });
    return edits.at(-1)!;
  }

  /** Runs a command to its end. What a user would not like to see is kept. */
  async function notice(machine: Machine, command: string, isFine: (said: string) => boolean): Promise<void> {
    const began = now;
    const { code, stdout, stderr } = await machine.run([command]);
    if (code === 0 && isFine(stdout) && stderr === '') return;
    noticed.push({ when: [began, now], machine: machine.name, command, code, said: stdout + stderr });
  }

  async function work(machine: Machine, goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      save(machine);
      await notice(machine, 'sync', () => true);
      await notice(machine, 'status', (said) => /^(?:In sync|Sending)/.test(said));
      await sleep(EDIT_EVERY);
    }
  }

  const isEverywhere = ({ name, body }: Edit): boolean => machines.every((machine) => machine.read(name) === body);

  async function watch(goesOn: () => boolean): Promise<void> {
    const missing = (): Edit[] => edits.filter(({ everywhere }) => everywhere === null);
    const look = (): boolean => {
      for (const edit of missing()) if (isEverywhere(edit)) edit.everywhere = performance.now();
      return !goesOn() && missing().length === 0;
    };
    while (goesOn()) {
      look();
      await sleep(20);
    }
    await until('all edits are everywhere', look);
  }

  /** All but one machine save, sync and look how they stand while something is done to the hubs: nobody may notice that. */
  async function unnoticed(what: string, disturb: () => Promise<void>): Promise<void> {
    let isOn = true;
    noticed = [];
    edits.length = 0;
    const working = [...machines.slice(0, -1).map((machine) => work(machine, () => isOn)), watch(() => isOn)];
    await disturb().finally(() => (isOn = false));
    await Promise.all(working);
    const took = edits.map(({ saved, everywhere }) => (everywhere ?? Infinity) - saved).sort((a, b) => a - b);
    const after = (part: number): number => Math.round(took[Math.floor((took.length - 1) * part)] ?? Infinity);
    console.log(`${what}: ${edits.length} edits, everywhere after ${after(0.5)} ms (p50), ${after(0.95)} (p95), ${after(1)} at the latest`);
    expect(noticed).toEqual([]);
    expect(after(1)).toBeLessThan(SOON);
    for (const machine of machines) await expectOnce(machine);
  }

  /** All that was saved stands in the log of a machine, once, and no commit twice. */
  async function expectOnce(machine: Machine): Promise<void> {
    const commits: Log['commits'][number][] = [];
    for (let before: number | null | undefined; before !== null;) {
      const page: Log = await machine.ask<Log>(['log', '--limit', '1000', ...(before === undefined ? [] : ['--before', `${before}`])]);
      commits.push(...page.commits);
      before = page.next;
    }
    expect(new Set(commits.map(({ commit }) => commit)).size).toBe(commits.length);
    const written = commits.flatMap(({ changes }) => changes).map(({ item, type }) => `${type} ${item}`);
    const times = new Map<string, number>();
    for (const change of written) times.set(change, (times.get(change) ?? 0) + 1);
    for (const { name } of edits) expect([machine.name, name, times.get(`put ${name}`)]).toEqual([machine.name, name, 1]);
  }

  async function restartAll(signal: NodeJS.Signals): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      for (const at of deployed.hubs.keys()) {
        now = `${signal} to hub ${at + 1}`;
        await deployed.stopHub(at, signal);
        now = `hub ${at + 1} is away`;
        await deployed.startHub(at);
        now = `hub ${at + 1} is back`;
        // Not always: the next one may be stopped in the very moment in which this one is healthy again.
        if (round % 2 === 0) await sleep(3_000);
      }
    }
  }

  it('are restarted one after the other, as by an update, and nobody notices', () => unnoticed('SIGTERM', () => restartAll('SIGTERM')));

  it('are killed one after the other, and nobody notices', () => unnoticed('SIGKILL', () => restartAll('SIGKILL')));

  it('go on where somebody says nothing for longer than the proxy waits, and hears at once of what is said then', async () => {
    const token = await deployed.saidOnHub(0, ['claude-mem', 'serve', '--user', 'ada', '--name', 'laptop']);
    const headersOf = (device: string) => ({ authorization: `Bearer ${token}`, 'x-user-id': 'ada', 'x-device-id': device });
    const socket = new WebSocket(`${deployed.url.replace('https', 'wss')}/claude-mem/v1/sync/ws`, {
      headers: headersOf('device-1'),
      ca: readFileSync(deployed.authority),
    });
    const frames: string[] = [];
    socket.on('message', (data) => void frames.push((data as Buffer).toString()));
    await once(socket, 'open');
    const pinging = setInterval(() => socket.ping(), PING);
    const streams = await liveStreams();
    await sleep(IDLE);
    clearInterval(pinging);
    const edit = save(machines[0]!);
    await until('what was saved is everywhere', () => isEverywhere(edit), { every: 5, rest: 0 });
    const took = Math.round(performance.now() - edit.saved);
    const body = JSON.stringify({ protocol_version: 2, ops: [row('device-2', { local: '1' })] });
    const began = performance.now();
    const headers = { ...headersOf('device-2'), 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(body)}` };
    expect((await deployed.ask(deployed.ports.front, '/claude-mem/v1/sync/ops', headers, body)).status).toBe(200);
    await until('the worker is told', () => frames.some((frame) => /"(head_)?seq":"1"/.test(frame)), { every: 5, rest: 0 });
    console.log(
      `after ${IDLE / 1000} s of silence: an edit everywhere after ${took} ms, a row told after ${Math.round(performance.now() - began)} ms`,
    );
    expect(took).toBeLessThan(SOON);
    expect(socket.readyState).toBe(WebSocket.OPEN);
    socket.terminate();
    // Nobody had to come back meanwhile.
    expect(await liveStreams()).toBe(streams);
  });

  it('stay within reach when the proxy is told of a new certificate', () =>
    unnoticed('reloads of nginx', async () => {
      for (const rest of [2_000, 35_000]) {
        now = 'the proxy is reloaded';
        deployed.reloadProxy();
        await sleep(rest); // the second time until the old workers are gone, with the streams that they had
      }
    }));

  it('have it sound in the end', async () => {
    expect((await deployed.onHub<{ sound: boolean }>(0, ['store', 'verify', '--read-data'])).sound).toBe(true);
    for (const machine of machines) expect((await machine.ask<{ sound: boolean }>(['store', 'verify', '--full'])).sound).toBe(true);
  });

  /** How many were begun at both hubs. */
  async function liveStreams(): Promise<number> {
    const counts = await Promise.all(
      [...deployed.hubs.keys()].map(async (at) => {
        const samples = parseExposition(await deployed.figuresOf(at)).get('satchel_http_requests_total')?.samples ?? [];
        return samples.filter(({ labels }) => labels['route'] === '/v1/live').reduce((sum, { value }) => sum + value, 0);
      }),
    );
    expect(Math.max(...counts)).toBeGreaterThan(0);
    return counts.reduce((sum, each) => sum + each, 0);
  }
});
