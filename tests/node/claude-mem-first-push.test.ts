import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeRow, type Row } from '../../src/kinds/rows/row-body.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { row, tombstone } from '../gateways/claude-mem-ops.ts';
import { ask, Place } from './place.ts';

/**
 * Two machines of one person, each with a gateway of its own. A worker of the first made a row, and edits it; then a device of the second,
 * whose database has the row by a way that nobody noted (a copied file, a source), pushes it for the first time.
 */
let place: Place;
let a: SatchelNode;
let b: SatchelNode;
let worker: SyncClient;
let copy: SyncClient;
let third: SyncClient;

beforeEach(async () => {
  place = await Place.create();
  a = await place.start('a');
  b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'bee' });
  await place.stop('b');
  b = await place.start('b');
  [worker, copy, third] = [await clientOf(a, 'device-a'), await clientOf(b, 'device-b'), await clientOf(b, 'device-c')];
});
afterEach(() => place.dispose());

async function clientOf(node: SatchelNode, device: string): Promise<SyncClient> {
  const { token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name: device });
  return createSyncClient({ url, token, user: 'me', device });
}

type Cells = Readonly<Record<string, unknown>>;

/** The only observation, as a space has it; `null` while there is none. */
async function inSpace(node: SatchelNode): Promise<Row | null> {
  const { replica } = [...node.spaces.values()][0]!;
  const states = await replica.exclusive(() => replica.list({ kind: 'claude-mem', prefix: 'claude-mem/observations/' }));
  expect(states.length).toBeLessThan(2);
  const content = states[0]?.content ?? null;
  const decoded = content === null ? null : decodeRow(await replica.bodies.read(content));
  return decoded?.ok === true ? decoded.value : null;
}

interface Body {
  readonly id: string;
  readonly entity_rev: string;
  readonly origin_device_id: string;
  readonly payload: Cells | null;
}

/** What a client that applies the feed holds of others' rows. */
async function heldBy(client: SyncClient): Promise<Body[]> {
  const newest = new Map<string, Body>();
  for (const { body } of (await client.changes()).body['ops'] as { body: string }[]) {
    const says = JSON.parse(body) as Body;
    const before = newest.get(says.id);
    if (says.origin_device_id === client.device || (before !== undefined && BigInt(before.entity_rev) >= BigInt(says.entity_rev))) continue;
    newest.set(says.id, says);
  }
  return [...newest.values()].filter(({ payload }) => payload !== null);
}

const told = async (client: SyncClient, field: string): Promise<unknown[]> => (await heldBy(client)).map(({ payload }) => payload?.[field]);

/** The worker's words of its row, one after the other, each of which reaches the second machine. */
async function says(...words: readonly Cells[]): Promise<void> {
  for (const [index, payload] of words.entries()) {
    expect((await worker.push([row('device-a', { local: '7', rev: String(index + 1), payload })])).status).toBe(200);
    for (const [column, cell] of Object.entries(payload)) await expect.poll(async () => (await inSpace(b))?.get(column)).toBe(cell);
    if (index === 0) await expect.poll(async () => await inSpace(b)).not.toBeNull();
  }
}

async function pushes(rev: string, payload: Cells): Promise<void> {
  expect((await copy.push([row('device-b', { local: '9', rev, payload })])).status).toBe(200);
}

/** Both machines say so, and so do their workers; nothing goes round. */
async function settles(cells: Cells): Promise<void> {
  for (const [column, value] of Object.entries(cells))
    await expect.poll(async () => [(await inSpace(a))?.get(column), (await inSpace(b))?.get(column)]).toEqual([value, value]);
  for (const [column, value] of Object.entries(cells)) await expect.poll(() => told(third, column)).toEqual([value]);
  expect((await heldBy(third)).map(({ origin_device_id: device }) => device)).toEqual(['device-b']);
  // What follows from it takes a while.
  for (let round = 0; ; round += 1) {
    const before = [(await worker.status()).body, (await copy.status()).body];
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const after = [(await worker.status()).body, (await copy.status()).body];
    if (round < 2 && JSON.stringify(after) !== JSON.stringify(before)) continue;
    expect(after).toEqual(before);
    break;
  }
  for (const node of [a, b])
    for (const [column, value] of Object.entries(cells)) expect([column, (await inSpace(node))?.get(column)]).toEqual([column, value]);
}

const conflicts = async (): Promise<unknown[]> => (await ask(b, 'conflicts', {})).conflicts.map(({ columns }) => columns);

describe.each([
  ['that its feed served as the gateway’s own', true],
  ['that its feed tells of from then on', false],
])('the first push of a row %s', (_, isServed) => {
  beforeEach(async () => {
    if (isServed) for (const each of [copy, third]) await each.changes();
  });
  /** The last word of the row, where it was served. */
  const served = async (cells: Cells): Promise<void> => {
    if (!isServed) return;
    for (const [column, cell] of Object.entries(cells)) await expect.poll(() => told(copy, column)).toEqual([cell]);
    expect((await heldBy(copy)).map(({ origin_device_id: device }) => device)).toEqual(['satchel']);
  };

  it('as it was before an edit elsewhere leaves the edit', async () => {
    await says({}, { subtitle: 'newer' });
    await served({ subtitle: 'newer' });
    await pushes('1', {});
    await settles({ subtitle: 'newer' });
    expect(await conflicts()).toEqual([]);
  });

  it('as it was between two edits elsewhere leaves both', async () => {
    await says({ subtitle: 'first' }, { subtitle: 'second' }, { subtitle: 'second', agent_type: 'explorer' });
    await served({ agent_type: 'explorer' });
    await pushes('1', { subtitle: 'second' });
    await settles({ subtitle: 'second', agent_type: 'explorer' });
    expect(await conflicts()).toEqual([]);
  });

  it('with an edit of another column merges the two', async () => {
    await says({ subtitle: 'first' }, { subtitle: 'newer' });
    await served({ subtitle: 'newer' });
    await pushes('1', { subtitle: 'first', text: 'of b' });
    await settles({ subtitle: 'newer', text: 'of b' });
    expect(await conflicts()).toEqual([]);
  });

  it('with another edit of that column is a conflict, which keeps both', async () => {
    await says({ subtitle: 'first' }, { subtitle: 'newer' });
    await served({ subtitle: 'newer' });
    await pushes('1', { subtitle: 'of b' });
    await expect.poll(conflicts).toEqual([['subtitle']]);
    await settles({ subtitle: 'newer' });
  });

  it('that nobody knows the base of, and says otherwise, is a conflict too', async () => {
    await says({ subtitle: 'newer' });
    await served({ subtitle: 'newer' });
    await pushes('1', { subtitle: 'first', text: 'of b' });
    await expect.poll(conflicts).toEqual([['subtitle']]);
    await settles({ subtitle: 'newer', text: 'of b' });
  });
});

/** The device's client passes over all that is served under its own id, and so never got what was made of its row elsewhere. */
describe('a later push of a row, from what its device said of it last', () => {
  /** The device has the row as it was first; both machines, and the other clients, the newer subtitle. */
  beforeEach(async () => {
    await says({ subtitle: 'first' }, { subtitle: 'newer' });
    await pushes('1', { subtitle: 'first' });
    await settles({ subtitle: 'newer' });
    expect(await conflicts()).toEqual([]);
  });

  it('with an edit of another column leaves the edit elsewhere, push after push', async () => {
    await pushes('2', { subtitle: 'first', text: 'of b' });
    await settles({ subtitle: 'newer', text: 'of b' });
    await pushes('3', { subtitle: 'first', text: 'of b again' });
    await settles({ subtitle: 'newer', text: 'of b again' });
    await pushes('4', { subtitle: 'first', text: 'of b again' });
    await settles({ subtitle: 'newer', text: 'of b again' });
    expect(await conflicts()).toEqual([]);
  });

  it('with an edit of the column that was edited elsewhere is a conflict, which keeps both', async () => {
    await pushes('2', { subtitle: 'of b' });
    await expect.poll(conflicts).toEqual([['subtitle']]);
    await settles({ subtitle: 'newer' });
  });

  it('of several words at once is as one after the other', async () => {
    const words: Cells[] = [{ text: 'of b' }, { text: 'of b', agent_type: 'explorer' }];
    const ops = words.map((more, at) => row('device-b', { local: '9', rev: String(at + 2), payload: { subtitle: 'first', ...more } }));
    expect((await copy.push(ops)).status).toBe(200);
    await settles({ subtitle: 'newer', text: 'of b' });
    expect(await conflicts()).toEqual([]);
  });

  it('by other words is that row still, and leaves the edit elsewhere, push after push', async () => {
    await pushes('2', { subtitle: 'first', title: 'Oat milk' });
    await settles({ title: 'Oat milk', subtitle: 'newer' });
    await pushes('3', { subtitle: 'first', title: 'Oat milk', text: 'of b' });
    await settles({ title: 'Oat milk', subtitle: 'newer', text: 'of b' });
    expect((await worker.push([row('device-a', { local: '7', rev: '3', payload: { subtitle: 'newest' } })])).status).toBe(200);
    await settles({ title: 'Oat milk', subtitle: 'newest', text: 'of b' });
    expect(await conflicts()).toEqual([]);
    expect((await copy.push([tombstone('device-b', { local: '9', rev: '4' })])).status).toBe(200);
    await expect.poll(async () => [await inSpace(a), await inSpace(b)]).toEqual([null, null]);
    await expect.poll(() => heldBy(third)).toEqual([]);
  });

  it('by other words than it was told by elsewhere is a conflict, which keeps both', async () => {
    expect((await worker.push([row('device-a', { local: '7', rev: '3', payload: { title: 'Soy milk' } })])).status).toBe(200);
    await settles({ title: 'Soy milk' });
    await pushes('2', { subtitle: 'first', title: 'Oat milk', text: 'of b' });
    await expect.poll(conflicts).toEqual([['title']]);
    await settles({ title: 'Soy milk', text: 'of b' });
    await pushes('3', { subtitle: 'first', title: 'Oat milk', text: 'of b again' });
    await settles({ title: 'Soy milk', text: 'of b again' });
  });

  it('by other words, several at once, is as one after the other', async () => {
    const words: Cells[] = [
      { title: 'Oat milk' },
      { title: 'Rice milk', text: 'of b' },
      { title: 'Milk', text: 'of b' },
      { title: 'Almond milk' },
    ];
    const ops = words.map((more, at) => row('device-b', { local: '9', rev: String(at + 2), payload: { subtitle: 'first', ...more } }));
    expect((await copy.push(ops)).status).toBe(200);
    await settles({ title: 'Almond milk', subtitle: 'newer' });
    expect(await conflicts()).toEqual([]);
  });

  it('by other words, which was deleted elsewhere, is there again', async () => {
    expect((await worker.push([tombstone('device-a', { local: '7', rev: '3' })])).status).toBe(200);
    await expect.poll(() => inSpace(b)).toBeNull();
    await pushes('2', { subtitle: 'first', title: 'Oat milk' });
    await settles({ title: 'Oat milk', subtitle: 'first' });
  });

  it('with an edit of what no state but the present one says is that edit, and what others hold is told', async () => {
    await place.stop('b');
    expect((await worker.push([row('device-a', { local: '7', rev: '3', payload: { subtitle: 'newer', text: 'of a' } })])).status).toBe(200);
    await expect.poll(async () => (await inSpace(a))?.get('text')).toBe('of a');
    const port = Number(new URL((await ask(a, 'claude-mem-token-add', { user: 'me', name: 'look' })).url).port);
    await place.stop('a');
    b = await place.start('b');
    [copy, third] = [await clientOf(b, 'device-b'), await clientOf(b, 'device-c')];
    await pushes('2', { subtitle: 'first', type: 'bugfix' });
    await expect.poll(async () => (await inSpace(b))?.get('type')).toBe('bugfix');
    // Rebased over the other's edit before it lands: no state before says what the device says.
    a = await place.start('a', { port });
    worker = await clientOf(a, 'device-a');
    await expect.poll(async () => (await worker.status()).body['head_seq']).toBe('4');
    await settles({ subtitle: 'newer', text: 'of a', type: 'bugfix' });
    for (const [rev, type] of [
      ['3', 'feature'],
      ['4', 'change'],
    ] as const) {
      await pushes(rev, { subtitle: 'first', type });
      await expect.poll(async () => (await inSpace(a))?.get('type')).toBe(type);
      await settles({ subtitle: 'newer', text: 'of a', type });
    }
    expect(await conflicts()).toEqual([]);
  });
});
