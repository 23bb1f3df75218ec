import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Row } from '../../src/kinds/rows/row-body.ts';
import { decodeRow, encodeRow } from '../../src/kinds/rows/row-body.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import { mutation, PAYLOADS, row, tombstone } from '../gateways/claude-mem-ops.ts';
import { createSyncClient, type Answer, type SyncClient } from '../gateways/claude-mem-client.ts';
import { parseOp } from '../../src/gateways/claude-mem/schema.ts';
import { ask, Place } from './place.ts';

/** Two machines of one person, each with a gateway of its own; what goes to the hub between them stays sealed. */
let place: Place;
let a: SatchelNode;
let b: SatchelNode;

beforeEach(async () => {
  place = await Place.create();
  a = await place.start('a');
  b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
  await place.stop('b');
  b = await place.start('b');
});
afterEach(() => place.dispose());

async function clientOf(node: SatchelNode, device: string, user = 'me'): Promise<SyncClient> {
  const { token, url } = await ask(node, 'claude-mem-token-add', { user, name: device });
  return createSyncClient({ url, token, user, device });
}

interface Body {
  readonly id: string;
  readonly kind: string;
  readonly deleted: boolean;
  readonly entity_rev: string;
  readonly origin_device_id: string;
  readonly origin_local_id: string | null;
  readonly payload: Record<string, unknown> | null;
  readonly mutation: Record<string, unknown> | null;
}

const bodiesOf = (answer: Answer): Body[] => (answer.body['ops'] as { body: string }[]).map(({ body }) => JSON.parse(body) as Body);

/** What a client that applies a feed has: the last live state of each row that is not its own. */
async function heldBy(client: SyncClient): Promise<Map<string, Body>> {
  const held = new Map<string, Body>();
  const answer = await client.changes();
  expect(answer.status).toBe(200);
  for (const body of bodiesOf(answer)) {
    if (body.origin_device_id === client.device) continue;
    const before = held.get(body.id);
    if (before !== undefined && BigInt(before.entity_rev) >= BigInt(body.entity_rev)) continue;
    held.set(body.id, body);
  }
  for (const [id, { deleted, kind }] of held) if (deleted || kind === 'mutation') held.delete(id);
  return held;
}

const rowsOf = async (node: SatchelNode): Promise<Map<string, Row>> => {
  const rows = new Map<string, Row>();
  for (const { replica } of node.spaces.values()) {
    for (const { item, content } of await replica.exclusive(() => replica.list({ kind: 'claude-mem' }))) {
      const decoded = content === null ? null : decodeRow(await replica.bodies.read(content));
      if (decoded?.ok === true) rows.set(item.name, decoded.value);
    }
  }
  return rows;
};

const titles = (held: ReadonlyMap<string, Body>): unknown[] =>
  [...held.values()].map(({ payload }) => String(payload?.['title'] ?? payload?.['request'] ?? payload?.['prompt_text'])).sort();

describe('what a worker pushed to its machine’s node', () => {
  it('is a row of the personal space, with its session', async () => {
    const worker = await clientOf(a, 'device-a');
    await worker.push([
      row('device-a'),
      row('device-a', { kind: 'summary' }),
      row('device-a', { kind: 'prompt', payload: { memory_session_id: 'm-1' } }),
    ]);
    await expect.poll(async () => (await rowsOf(a)).size).toBe(4);
    const rows = await rowsOf(a);
    expect([...rows.keys()].map((name) => String(name.split('/')[1])).toSorted()).toEqual([
      'observations',
      'prompts',
      'sessions',
      'summaries',
    ]);
    const [observation, prompt, session] = ['observations', 'prompts', 'sessions'].map(
      (table) => [...rows].find(([name]) => name.startsWith(`claude-mem/${table}/`))?.[1],
    );
    expect(session?.get('content_session_id')).toBe('c-1');
    expect(session?.get('memory_session_id')).toBe('m-1');
    expect(observation?.get('@session')).toBe('claude-mem/sessions/claude/c-1');
    expect(prompt?.get('@session')).toBe('claude-mem/sessions/claude/c-1');
    expect(observation?.get('facts')).toBe('["one","two"]');
    expect(observation?.has('memory_session_id')).toBe(false);
  });

  it('is served by the other machine’s node, as an op that its worker can apply; deletions too', async () => {
    const [worker, other] = [await clientOf(a, 'device-a'), await clientOf(b, 'device-b')];
    await other.changes();
    const pushed = await worker.push([row('device-a'), row('device-a', { kind: 'summary' }), row('device-a', { kind: 'prompt' })]);
    expect(pushed.status).toBe(200);
    await expect.poll(async () => titles(await heldBy(other))).toEqual(['Do it', 'Milk', 'hello']);
    const [observation] = [...(await heldBy(other)).values()].filter(({ kind }) => kind === 'observation');
    const { content_hash: _, ...same } = PAYLOADS.observation;
    expect(observation?.payload).toMatchObject(same);
    await worker.push([tombstone('device-a', { rev: '2' })]);
    await expect.poll(async () => titles(await heldBy(other))).toEqual(['Do it', 'hello']);
  });

  it.each(['observation', 'summary', 'prompt'] as const)(
    'a %s that a worker turns out to have itself is not another to it',
    async (kind) => {
      const [worker, copy, third] = [await clientOf(a, 'device-a'), await clientOf(b, 'device-b'), await clientOf(b, 'device-c')];
      for (const each of [copy, third]) await each.changes();
      await worker.push([row('device-a', { kind, local: '7' })]);
      await expect.poll(async () => (await heldBy(copy)).size).toBe(1);
      // As where its database had the row from a source, or a copied file.
      expect((await copy.push([row('device-b', { kind, local: '9' })])).status).toBe(200);
      expect([...(await heldBy(copy)).values()]).toEqual([]);
      expect([...(await heldBy(third)).values()].map(({ origin_device_id: device }) => device)).toEqual(['device-b']);
      const before = (await copy.status()).body;
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect((await copy.status()).body).toEqual(before);
      expect(titles(await heldBy(worker))).toEqual([]);
      // What becomes of it goes by that name from then on.
      await worker.push([row('device-a', { kind, local: '7', rev: '2', payload: { project: 'other' } })]);
      const projects = async (): Promise<unknown[]> => [...(await heldBy(third)).values()].map(({ payload }) => payload?.['project']);
      if (kind !== 'prompt') await expect.poll(projects).toEqual(['other']);
      await worker.push([tombstone('device-a', { kind, local: '7', rev: '3' })]);
      await expect.poll(async () => (await heldBy(third)).size).toBe(0);
      expect((await rowsOf(b)).size).toBe(1);
    },
  );

  it('goes both ways, and settles: nobody is served what is theirs, and nothing goes round', async () => {
    const [worker, other] = [await clientOf(a, 'device-a'), await clientOf(b, 'device-b')];
    await worker.push([row('device-a', { payload: { title: 'from a' } })]);
    await other.push([row('device-b', { payload: { title: 'from b' } })]);
    await expect.poll(async () => [titles(await heldBy(worker)), titles(await heldBy(other))]).toEqual([['from b'], ['from a']]);
    const before = [(await worker.status()).body, (await other.status()).body];
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect([(await worker.status()).body, (await other.status()).body]).toEqual(before);
    expect((await worker.status()).body['op_count']).toBe(2);
  });

  it('an edit on one machine reaches the other, and the other way round', async () => {
    const [worker, other] = [await clientOf(a, 'device-a'), await clientOf(b, 'device-b')];
    await other.changes();
    await worker.push([row('device-a', { kind: 'summary' })]);
    await expect.poll(async () => (await heldBy(other)).size).toBe(1);
    await worker.push([row('device-a', { kind: 'summary', rev: '2', payload: { learned: 'more' } })]);
    await expect.poll(async () => [...(await heldBy(other)).values()].map(({ payload }) => payload?.['learned'])).toEqual(['more']);
    expect(await siblingsOf(a)).toBe(0);
  });

  it('a row that is told by other words now is one still', async () => {
    const [worker, other] = [await clientOf(a, 'device-a'), await clientOf(b, 'device-b')];
    await other.changes();
    await worker.push([row('device-a'), row('device-a', { local: '2', payload: { title: 'Bread' } })]);
    await expect.poll(async () => titles(await heldBy(other))).toEqual(['Bread', 'Milk']);
    await worker.push([row('device-a', { rev: '2', payload: { title: 'Butter' } })]);
    await expect.poll(async () => titles(await heldBy(other))).toEqual(['Bread', 'Butter']);
    const observations = [...(await rowsOf(b))].filter(([name]) => name.includes('/observations/'));
    expect(new Set(observations.map(([, cells]) => cells.get('title')))).toEqual(new Set(['Bread', 'Butter']));
    expect(observations).toHaveLength(2);
  });

  it('a title that was set on one machine is set on the other', async () => {
    const [worker, other] = [await clientOf(a, 'device-a'), await clientOf(b, 'device-b')];
    await other.changes();
    const says = {
      op: 'set_title',
      target: { content_session_id: 'c-1', platform_source: 'claude' },
      fields: { custom_title: 'Shopping' },
    };
    await worker.push([row('device-a', { kind: 'prompt' }), mutation('device-a', says)]);
    const mutations = async (): Promise<unknown[]> =>
      bodiesOf(await other.changes()).flatMap((body) => (body.mutation === null ? [] : [body.mutation]));
    await expect.poll(mutations).toEqual([says]);
  });

  it('a project that was renamed on one machine is renamed on the other', async () => {
    const [worker, other] = [await clientOf(a, 'device-a'), await clientOf(b, 'device-b')];
    await other.changes();
    await worker.push([row('device-a'), row('device-a', { local: '2', payload: { title: 'Elsewhere', project: 'garden' } })]);
    await expect.poll(async () => (await heldBy(other)).size).toBe(2);
    await worker.push([
      mutation('device-a', { op: 'remap_project', where: { project: 'shop' }, fields: { merged_into_project: 'market' } }, { rev: '2' }),
    ]);
    const merged = async (): Promise<unknown[]> =>
      [...(await heldBy(other)).values()].map(({ payload }) => String(payload?.['merged_into_project'])).sort();
    await expect.poll(merged).toEqual(['market', 'null']);
  });

  it('survives a restart of the node between push and commit', async () => {
    const worker = await clientOf(a, 'device-a');
    await worker.push([row('device-a')]);
    await place.stop('a');
    a = await place.start('a');
    await expect.poll(async () => (await rowsOf(a)).size).toBe(2);
  });
});

it('what was forgotten goes out of the feed, and from the other workers', async () => {
  const [worker, other] = [await clientOf(a, 'device-a'), await clientOf(b, 'device-b')];
  await other.changes();
  await worker.push([row('device-a', { payload: { narrative: 'a secret' } }), row('device-a', { local: '2', payload: { title: 'Kept' } })]);
  await expect.poll(async () => titles(await heldBy(other))).toEqual(['Kept', 'Milk']);
  const third = await clientOf(a, 'device-c');
  const name = [...(await rowsOf(a))].find(([, cells]) => cells.get('narrative') === 'a secret')?.[0] ?? '';
  expect(await ask(a, 'forget', { items: [name] })).toMatchObject({ erased: true });
  for (const client of [other, third]) await expect.poll(async () => titles(await heldBy(client))).toEqual(['Kept']);
  for (const client of [worker, other, third])
    await expect.poll(async () => JSON.stringify((await client.changes()).body).includes('a secret')).toBe(false);
  // Whoever reads it from the start can apply all of it.
  const ops = (await third.changes()).body['ops'] as { seq: string; body: string; operation_sha256: string }[];
  expect(ops.map(({ seq }) => seq)).toEqual(ops.map((_, index) => String(index + 1)));
  for (const { body, operation_sha256 } of ops) expect(parseOp({ body, operation_sha256 })).toMatchObject({ ok: true });
});

const siblingsOf = async (node: SatchelNode): Promise<number> => {
  let count = 0;
  for (const { replica } of node.spaces.values()) count += (await replica.siblings()).length;
  return count;
};

describe('rows that came into the space by another way', () => {
  /** As a source on another machine captures them. */
  async function capture(node: SatchelNode, rows: Record<string, Record<string, string | number> | null>): Promise<void> {
    const [open] = [...node.spaces.values()];
    const workspace = createReplicaWorkspace(open!.replica, { writer: 'a source', covers: ({ kind }) => kind === 'claude-mem' });
    await workspace.capture(
      Object.entries(rows).map(([name, cells]) => {
        const item = { kind: 'claude-mem', name };
        if (cells === null) return { type: 'absent' as const, item };
        return { type: 'body' as const, item, attributes: {}, body: encodeRow(new Map(Object.entries(cells))), local: null };
      }),
      { message: 'captured', writer: 'a source' },
    );
    await workspace.close();
    await open!.runner.syncNow();
  }

  const SESSION = 'claude-mem/sessions/claude/s-1';
  const session = {
    content_session_id: 's-1',
    memory_session_id: 'mem-1',
    platform_source: 'claude',
    project: 'shop',
    started_at: '2026-01-01T00:00:00.000Z',
    started_at_epoch: 1767225600000,
    status: 'active',
  };
  const observation = {
    '@session': SESSION,
    type: 'discovery',
    title: 'Seen',
    narrative: 'n',
    project: 'shop',
    facts: '["f"]',
    created_at: '2026-01-01T00:00:00.000Z',
    created_at_epoch: 1767225600000,
  };
  const NAME = 'claude-mem/observations/claude/s-1/0123';

  it('are served as rows of the gateway’s own, the same on every node', async () => {
    const [worker, other] = [await clientOf(a, 'device-a'), await clientOf(b, 'device-b')];
    await worker.changes();
    await other.changes();
    await capture(b, { [SESSION]: session, [NAME]: observation });
    await expect.poll(async () => [titles(await heldBy(worker)), titles(await heldBy(other))]).toEqual([['Seen'], ['Seen']]);
    const [onA, onB] = [await heldBy(worker), await heldBy(other)];
    expect([...onA.values()]).toEqual([...onB.values()]);
    expect([...onA.values()][0]).toMatchObject({
      origin_device_id: 'satchel',
      payload: { memory_session_id: 'mem-1', facts: ['f'], discovery_tokens: '0' },
    });
  });

  it('are told by the same bytes at one revision on every node, whatever became of their session in between', async () => {
    const worker = await clientOf(a, 'device-a');
    await worker.changes();
    const prompt = {
      '@session': SESSION,
      content_session_id: 's-1',
      prompt_number: 1,
      prompt_text: 'Do it',
      created_at_epoch: 1767225600000,
    };
    const NAMED = 'claude-mem/prompts/claude/s-1/0123';
    await capture(b, { [SESSION]: session, [NAMED]: prompt });
    await expect.poll(async () => titles(await heldBy(worker))).toEqual(['Do it']);
    await capture(b, { [SESSION]: { ...session, project: 'renamed' } });
    const other = await clientOf(b, 'device-b');
    await expect.poll(async () => titles(await heldBy(other))).toEqual(['Do it']);
    const [onA, onB] = [...(await heldBy(worker)).values(), ...(await heldBy(other)).values()];
    expect([onA?.payload?.['project'], onB?.payload?.['project']]).toEqual(['shop', 'renamed']);
    expect(BigInt(onB!.entity_rev)).toBeGreaterThan(BigInt(onA!.entity_rev));
    // The same on both again once it is told anew.
    await capture(b, { [NAMED]: { ...prompt, prompt_text: 'Do that' } });
    await expect.poll(async () => [titles(await heldBy(worker)), titles(await heldBy(other))]).toEqual([['Do that'], ['Do that']]);
    expect([...(await heldBy(worker)).values()]).toEqual([...(await heldBy(other)).values()]);
  });

  it('change and go with the space', async () => {
    const worker = await clientOf(a, 'device-a');
    await worker.changes();
    await capture(b, { [SESSION]: session, [NAME]: observation });
    await expect.poll(async () => titles(await heldBy(worker))).toEqual(['Seen']);
    await capture(b, { [NAME]: { ...observation, subtitle: 'again' } });
    await expect.poll(async () => [...(await heldBy(worker)).values()].map(({ payload }) => payload?.['subtitle'])).toEqual(['again']);
    await capture(b, { [NAME]: null });
    await expect.poll(async () => titles(await heldBy(worker))).toEqual([]);
  });

  it('that a device has as well are one, and its own edits still count for others', async () => {
    const [worker, third] = [await clientOf(a, 'device-a'), await clientOf(a, 'device-c')];
    const mine = { kind: 'summary' as const, payload: { memory_session_id: 'mem-1' } };
    await worker.push([row('device-a', mine)]);
    await expect.poll(async () => (await rowsOf(b)).size).toBe(2);
    const name = [...(await rowsOf(b)).keys()].find((each) => each.includes('/summaries/'))!;
    const there = Object.fromEntries((await rowsOf(b)).get(name)!) as Record<string, string | number>;
    await capture(b, { [name]: there });
    await capture(b, { [name]: { ...there, notes: 'a note' } });
    await expect.poll(async () => [...(await heldBy(third)).values()].map(({ payload }) => payload?.['notes'])).toEqual(['a note']);
    expect([...(await heldBy(third)).values()][0]).toMatchObject({ origin_device_id: 'device-a', origin_local_id: '1' });
    // The device counts on from what it knows.
    const pushed = await worker.push([row('device-a', { ...mine, rev: '2', payload: { ...mine.payload, learned: 'most' } })]);
    expect(pushed.status).toBe(200);
    await expect.poll(async () => [...(await heldBy(third)).values()].map(({ payload }) => payload?.['learned'])).toEqual(['most']);
  });

  it('of a device that is gone for good are deleted like others', async () => {
    const [lost, other] = [await clientOf(a, 'device-lost'), await clientOf(a, 'device-c')];
    await lost.push([row('device-lost'), row('device-lost', { local: '2', payload: { title: 'Bread' } })]);
    await expect.poll(async () => titles(await heldBy(other))).toEqual(['Bread', 'Milk']);
    await ask(a, 'claude-mem-device-remove', { device: 'device-lost' });
    await expect.poll(async () => (await rowsOf(b)).size).toBe(3);
    const rows = await rowsOf(b);
    const name = [...rows.keys()].find((each) => rows.get(each)?.get('title') === 'Milk')!;
    await capture(b, { [name]: Object.fromEntries(rows.get(name)!) as Record<string, string | number> });
    await capture(b, { [name]: null });
    await expect.poll(async () => titles(await heldBy(other))).toEqual(['Bread']);
    expect((await rowsOf(a)).has(name)).toBe(false);
  });

  it('that clients could not hold are left out, and wedge nobody', async () => {
    const worker = await clientOf(a, 'device-a');
    await worker.changes();
    const { type: _, ...typeless } = observation;
    await capture(b, { [SESSION]: session, [NAME]: typeless, [`${NAME}4`]: { ...observation, title: 'Good' } });
    await expect.poll(async () => titles(await heldBy(worker))).toEqual(['Good']);
  });

  it('are not served to users who are not of this person', async () => {
    const bob = await clientOf(a, 'device-x', 'bob');
    await bob.changes();
    const worker = await clientOf(a, 'device-a');
    await worker.changes();
    await capture(b, { [SESSION]: session, [NAME]: observation });
    await expect.poll(async () => titles(await heldBy(worker))).toEqual(['Seen']);
    expect((await bob.changes()).body['ops']).toEqual([]);
  });
});

describe('projects that go elsewhere than to the personal space', () => {
  const restart = async (machine: 'a' | 'b', projects: readonly unknown[]): Promise<SatchelNode> => {
    await place.stop(machine);
    const file = path.join(place.home(machine), '.satchel', 'config.json');
    writeFileSync(file, JSON.stringify({ claudeMem: { projects } }), { mode: 0o600 });
    return place.start(machine);
  };

  it('stay in the feed of this node, and come along once they are chosen so', async () => {
    a = await restart('a', [{ project: 'diary', local: true }]);
    const worker = await clientOf(a, 'device-a');
    const diary = { project: 'diary', memory_session_id: 'm-2' };
    await worker.push([
      row('device-a', { local: '1', payload: { title: 'secret thought', ...diary } }),
      row('device-a', { local: '2', payload: { title: 'edited thought', ...diary } }),
      row('device-a', { local: '3', payload: { title: 'of the shop' } }),
    ]);
    await worker.push([row('device-a', { local: '2', rev: '2', payload: { title: 'edited thought', subtitle: 'later', ...diary } })]);
    await expect.poll(async () => (await rowsOf(a)).size).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect([...(await rowsOf(a)).values()].map((cells) => cells.get('title')).filter((title) => title !== undefined)).toEqual([
      'of the shop',
    ]);
    a = await restart('a', []);
    const found = async (): Promise<Record<string, unknown>> =>
      Object.fromEntries(
        [...(await rowsOf(a)).values()].flatMap((cells) => (cells.has('title') ? [[cells.get('title'), cells.get('subtitle') ?? '']] : [])),
      );
    await expect.poll(found).toEqual({ 'edited thought': 'later', 'of the shop': '', 'secret thought': '' });
  });

  it('are served to no worker here', async () => {
    b = await restart('b', [{ project: 'diary', local: true }]);
    const [worker, other] = [await clientOf(b, 'device-b'), await clientOf(a, 'device-a')];
    await worker.changes();
    await other.push([
      row('device-a', { local: '1', payload: { title: 'theirs', project: 'diary', memory_session_id: 'm-3' } }),
      row('device-a', { local: '2', payload: { title: 'Shared' } }),
    ]);
    await expect.poll(async () => titles(await heldBy(worker))).toEqual(['Shared']);
    b = await restart('b', []);
    const again = await clientOf(b, 'device-b');
    await expect.poll(async () => titles(await heldBy(again))).toEqual(['Shared', 'theirs']);
  });
});
