import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EMPTY_HEAD } from '../../src/core/log/record.ts';
import { createSpace } from '../../src/core/replica/create-space.ts';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import type { OpenSpace, SatchelNode } from '../../src/node/node.ts';
import { until } from '../e2e/machine.ts';
import { startBrokenHub, type BrokenHub } from './broken-hub.ts';
import { ask, Place } from './place.ts';

let place: Place;
let hub: SatchelNode;
let port: number;
let broken: BrokenHub | null;
beforeEach(async () => {
  broken = null;
  place = await Place.create();
  hub = await place.start('hub', { hub: true });
  port = Number(new URL(hub.address ?? '').port);
});
afterEach(async () => {
  await broken?.close();
  await place.dispose();
});

async function joined(): Promise<SatchelNode> {
  const node = await place.start('a');
  await ask(node, 'join', { link: (await ask(hub, 'invite', {})).link });
  return node;
}

/** A further space, whose log is ordered on the node itself, and an edit of it. */
async function editOwnSpace(node: SatchelNode): Promise<OpenSpace> {
  const { space, genesis } = await createSpace(node.deps, 'sealed');
  await node.local.append(space, EMPTY_HEAD, { records: [genesis], objects: [] });
  const open = await node.addSpace({ space, name: 'own', remote: null, addedAt: 0, recoveryShown: true });
  const workspace = createReplicaWorkspace(open.replica, { writer: 'test', covers: () => true });
  const item = { kind: 'text', name: 'own.md' };
  await workspace.capture([{ type: 'body', item, attributes: {}, body: Buffer.from('own\n'), local: null }], {
    message: '',
    writer: 'test',
  });
  return open;
}

const personal = (node: SatchelNode): OpenSpace => [...node.spaces.values()][0] as OpenSpace;

/** What the hub was takes no more; something else listens there. */
async function breakHub(manner: Parameters<typeof startBrokenHub>[1]): Promise<BrokenHub> {
  await place.stop('hub');
  broken = await startBrokenHub(port, manner);
  return broken;
}

async function mendHub(): Promise<void> {
  await broken?.close();
  broken = null;
  await place.start('hub', { hub: true, port });
}

async function drafted(node: SatchelNode, count: number): Promise<void> {
  await until(`${count} drafts wait`, () => personal(node).replica.drafts.length >= count);
}

describe('a machine that wakes up', () => {
  it('again and again drops its connections, and loses nothing', async () => {
    const a = await joined();
    const { runner, replica } = personal(a);
    for (let turn = 0; turn < 20; turn += 1) {
      await place.write('a', `turn ${turn}\n`);
      await delay(turn * 5);
      await Promise.all([runner.wakeUp('slept'), runner.wakeUp('slept')]);
    }
    await until('what was written last is there, and sent', async () => {
      const [item] = await replica.list();
      const body = item?.content == null ? '' : Buffer.from(await replica.bodies.read(item.content)).toString();
      return body === 'turn 19\n' && replica.drafts.length === 0 && (await ask(a, 'status', {})).in_sync;
    });
  });
});

describe('a hub that', () => {
  it.each([
    ['never answers', 'silent' as const],
    ['begins an answer and never ends it', 'half' as const],
  ])('%s keeps nobody from working, looking or ending', async (_, manner) => {
    const a = await joined();
    const { heard } = await breakHub(manner);
    await place.write('a', 'written meanwhile\n');
    await drafted(a, 1);
    await until('it is asked', () => heard() > 0);
    await place.write('a', 'and once more\n', 'plans/p.md');
    await place.write('a', 'written twice meanwhile\n');
    await drafted(a, 2);
    const status = await ask(a, 'status', {});
    expect(status.spaces.find((space) => space.name === 'personal')?.drafts).toBeGreaterThan(1);
    // Another space, whose log is kept elsewhere, goes on.
    const own = await editOwnSpace(a);
    await until('the other space is in sync', () => own.replica.drafts.length === 0 && own.runner.state.lastSync !== null);
    await place.stop('a'); // would never end
    await mendHub();
    const again = await place.start('a');
    const sent = [...again.spaces.values()].find(({ entry }) => entry.name === 'personal') as OpenSpace;
    await until('all is sent', () => sent.replica.drafts.length === 0 && sent.runner.state.lastSync !== null);
    expect(await place.read('a')).toBe('written twice meanwhile\n');
  });

  const manners: readonly [string, Parameters<typeof startBrokenHub>[1], string][] = [
    [
      'has trouble of its own',
      (_, response) => void response.writeHead(500).end('{"error":{"code":"oh","message":"no disk"}}'),
      'unreachable',
    ],
    [
      'is a proxy without a hub',
      (_, response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad'),
      'unreachable',
    ],
    ['asks for patience', (_, response) => void response.writeHead(429, { 'retry-after': '1' }).end(), 'unreachable'],
    [
      'answers with something else',
      (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hotel'),
      'protocol',
    ],
    ['sends everybody elsewhere', (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'protocol'],
    ['answers without an end', (_, response) => void flood(response), 'protocol'],
    ['speaks no HTTP', 'garbage', 'protocol'],
  ];
  it.each(manners)('%s is named, asked less and less, and at once when told to', async (_, manner, type) => {
    const a = await joined();
    const { heard } = await breakHub(manner);
    await place.write('a', 'written meanwhile\n');
    await drafted(a, 1);
    await until('it is known', () => personal(a).runner.state.problemType === type);
    const { problem, retryAt } = personal(a).runner.state;
    expect(problem).not.toMatch(/[\n\u0000-\u001f]/);
    expect((retryAt ?? 0) - a.deps.clock.now()).toBeLessThanOrEqual(5 * 60_000);
    expect((await ask(a, 'status', {})).verdict).toContain('Not syncing');
    expect(heard()).toBeLessThan(50);
    await expect(ask(a, 'sync', {})).rejects.toMatchObject({ type });
    await mendHub();
    await ask(a, 'sync', {});
    expect(personal(a).replica.drafts).toEqual([]);
    expect((await ask(a, 'status', {})).in_sync).toBe(true);
  });
});

async function flood(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  response.on('error', () => undefined); // it is hung up on
  while (!response.destroyed && response.writable) {
    response.write(Buffer.alloc(256 * 1024));
    await delay(1);
  }
}
