import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Content } from '../../src/core/content.ts';
import { decodeRow, type Row } from '../../src/kinds/rows/row-body.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { row, tombstone, type Kind } from '../gateways/claude-mem-ops.ts';
import { ask, Place } from './place.ts';

/**
 * Two devices whose databases were copied from one another, through one gateway: the rows of the second are served as the first one's, and
 * numbers of the feed hold stand-ins for them. What the second says of them later is of the one row all the same.
 */
let place: Place;
let node: SatchelNode;
let [first, second, third]: SyncClient[] = [];

beforeEach(async () => {
  place = await Place.create();
  node = await place.start('ana');
  await node.ensurePersonalSpace();
  [first, second, third] = await Promise.all(['device-1', 'device-2', 'device-3'].map(clientOf));
});
afterEach(() => place.dispose());

async function clientOf(device: string): Promise<SyncClient> {
  const { token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name: device });
  return createSyncClient({ url, token, user: 'me', device });
}

/** Columns of a kind: one that it is known by, and two that it is not. */
const COLUMNS: Readonly<Record<'observation' | 'summary', { readonly key: string; readonly one: string; readonly other: string }>> = {
  observation: { key: 'title', one: 'subtitle', other: 'text' },
  summary: { key: 'request', one: 'learned', other: 'notes' },
};
const PAYLOAD = { memory_session_id: 'm-1' };

const says = (device: 1 | 2, kind: Kind, rev: number, payload: Record<string, unknown> = {}) =>
  row(`device-${device}`, { kind, local: device === 1 ? '7' : '9', rev: String(rev), payload: { ...PAYLOAD, ...payload } });
const deletes = (device: 1 | 2, kind: Kind, rev: number) =>
  tombstone(`device-${device}`, { kind, local: device === 1 ? '7' : '9', rev: String(rev) });

async function push(client: SyncClient | undefined, ...ops: unknown[]): Promise<void> {
  expect((await client!.push(ops)).status).toBe(200);
}

/** What a client that applies the feed has of other devices' rows. */
async function held(client: SyncClient | undefined): Promise<Record<string, unknown>[]> {
  const newest = new Map<string, { revision: bigint; payload: Record<string, unknown> | null }>();
  for (const { body } of (await client!.changes()).body['ops'] as { body: string }[]) {
    const op = JSON.parse(body) as {
      id: string;
      kind: string;
      entity_rev: string;
      origin_device_id: string;
      payload: Record<string, unknown> | null;
    };
    if (op.kind === 'mutation' || op.origin_device_id === client!.device) continue;
    const revision = BigInt(op.entity_rev);
    if ((newest.get(op.id)?.revision ?? -1n) < revision) newest.set(op.id, { revision, payload: op.payload });
  }
  return [...newest.values()].flatMap(({ payload }) => (payload === null ? [] : [payload]));
}

/** The rows of the space but its sessions, each with the states that a conflict keeps beside it. */
async function inSpace(): Promise<{ readonly row: Row; readonly beside: readonly Row[] }[]> {
  const { replica } = [...node.spaces.values()][0]!;
  const rowIn = async (content: Content | null): Promise<Row | null> => {
    const decoded = content === null ? null : decodeRow(await replica.bodies.read(content));
    return decoded?.ok === true ? decoded.value : null;
  };
  const found: { row: Row; beside: Row[] }[] = [];
  for (const { item, content } of await replica.exclusive(() => replica.list({ kind: 'claude-mem' }))) {
    const there = item.name.startsWith('claude-mem/sessions/') ? null : await rowIn(content);
    if (there === null) continue;
    const beside = await Promise.all((await replica.siblings(item)).map((sibling) => rowIn(sibling.content)));
    found.push({ row: there, beside: beside.filter((each) => each !== null) });
  }
  return found;
}

const pick = (columns: readonly string[], cells: (column: string) => unknown): Record<string, unknown> =>
  Object.fromEntries(columns.map((column) => [column, cells(column) ?? null]));

/** Until the space has this one row, with what of conflicts is told, and a client nothing else. */
async function expectOne(wanted: Record<string, unknown>, beside: readonly Record<string, unknown>[] = []): Promise<void> {
  const columns = Object.keys(wanted);
  const look = async () => ({
    space: (await inSpace()).map((each) => pick(columns, (column) => each.row.get(column))),
    beside: (await inSpace()).flatMap((each) => each.beside.map((kept, at) => pick(Object.keys(beside[at] ?? wanted), (c) => kept.get(c)))),
    served: (await held(third)).map((payload) => pick(columns, (column) => payload[column])),
  });
  await expect.poll(look).toEqual({ space: [wanted], beside, served: [wanted] });
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(await look()).toEqual({ space: [wanted], beside, served: [wanted] });
}

async function expectGone(): Promise<void> {
  await expect.poll(async () => [await inSpace(), await held(third)]).toEqual([[], []]);
}

describe.each(['observation', 'summary'] as const)('A double of another device’s %s', (kind) => {
  const { key, one, other } = COLUMNS[kind];
  const words = { [key]: 'as copied', [one]: 'old', [other]: 'old' };

  beforeEach(async () => {
    await push(first, says(1, kind, 1, words));
    await push(second, says(2, kind, 1, words));
    await expectOne(words);
  });

  it('is the same row where other columns than its words are edited', async () => {
    await push(second, says(2, kind, 2, { ...words, [one]: 'by 2' }));
    await expectOne({ ...words, [one]: 'by 2' });
    await push(second, says(2, kind, 3, { ...words, [one]: 'by 2 again', [other]: 'too' }));
    await expectOne({ ...words, [one]: 'by 2 again', [other]: 'too' });
    await push(first, says(1, kind, 2, { ...words, [other]: 'by 1' }));
    await expectOne({ ...words, [one]: 'by 2 again', [other]: 'too' }, [{ [other]: 'by 1' }]);
  });

  it('is the same row by other words', async () => {
    await push(second, says(2, kind, 2, { ...words, [key]: 'reworded' }));
    await expectOne({ ...words, [key]: 'reworded' });
    await push(second, says(2, kind, 3, { ...words, [key]: 'reworded twice', [one]: 'by 2' }));
    await expectOne({ ...words, [key]: 'reworded twice', [one]: 'by 2' });
    await push(first, says(1, kind, 2, { ...words, [other]: 'by 1' }));
    await expectOne({ [key]: 'reworded twice', [one]: 'by 2', [other]: 'by 1' });
  });

  it('goes with it', async () => {
    await push(second, deletes(2, kind, 2));
    await expectGone();
    await push(second, says(2, kind, 3, { ...words, [one]: 'back' }));
    await expectOne({ ...words, [one]: 'back' });
  });

  it('comes back where it is edited, when the row was deleted by its own device', async () => {
    await push(first, deletes(1, kind, 2));
    await expectGone();
    await push(second, says(2, kind, 2, { ...words, [one]: 'by 2' }));
    await expectOne({ ...words, [one]: 'by 2' });
  });

  it('merges with what the row’s own device said meanwhile', async () => {
    await push(first, says(1, kind, 2, { ...words, [other]: 'by 1' }));
    await push(second, says(2, kind, 2, { ...words, [one]: 'by 2' }));
    await expectOne({ ...words, [one]: 'by 2', [other]: 'by 1' });
    await push(first, says(1, kind, 3, { ...words, [other]: 'by 1', [key]: 'reworded by 1' }));
    await push(second, says(2, kind, 3, { ...words, [one]: 'by 2 again' }));
    await expectOne({ [key]: 'reworded by 1', [one]: 'by 2 again', [other]: 'by 1' });
    await push(second, says(2, kind, 4, { ...words, [one]: 'by 2 again', [other]: 'by 2' }));
    await expectOne({ [key]: 'reworded by 1', [one]: 'by 2 again', [other]: 'by 1' }, [{ [other]: 'by 2' }]);
  });

  it('merges by other words with what the row’s own device said meanwhile', async () => {
    await push(first, says(1, kind, 2, { ...words, [other]: 'by 1' }));
    await push(second, says(2, kind, 2, { ...words, [key]: 'reworded' }));
    await expectOne({ [key]: 'reworded', [one]: 'old', [other]: 'by 1' });
  });

  it('takes nothing away that the row’s own device said meanwhile', async () => {
    await push(first, says(1, kind, 2, { ...words, [other]: 'by 1' }));
    await push(second, deletes(2, kind, 2));
    await expectOne({ ...words, [other]: 'by 1' });
  });
});

it('A double that says more than the row from its first word on is no other', async () => {
  const words = { title: 'as copied', subtitle: 'old', text: 'old' };
  await push(first, says(1, 'observation', 1, words));
  await expectOne(words);
  await push(second, says(2, 'observation', 1, { ...words, subtitle: 'by 2' }));
  // Nobody knows which of the two is the older one.
  await expectOne(words, [{ subtitle: 'by 2' }]);
});

it('What was forgotten of a row is not kept as what its double said', async () => {
  const words = { title: 'as copied', text: 'a secret' };
  await push(first, says(1, 'observation', 1, words));
  await push(second, says(2, 'observation', 1, words));
  await expectOne(words);
  const { replica } = [...node.spaces.values()][0]!;
  const inFeed = async (): Promise<string> =>
    JSON.stringify(await replica.deps.store.read((tx) => tx.feeds.read('claude-mem/me', 0, { entries: 500, bytes: 1e9 })));
  expect(await inFeed()).toContain('a secret');
  const [item] = await replica.exclusive(() => replica.list({ kind: 'claude-mem', prefix: 'claude-mem/observations/' }));
  expect(await ask(node, 'forget', { items: [item!.item.name] })).toMatchObject({ erased: true });
  await expect.poll(inFeed).not.toContain('a secret');
  // Its device has it still, and says more of it.
  await push(second, says(2, 'observation', 2, { ...words, subtitle: 'by 2' }));
  await expectOne({ ...words, subtitle: 'by 2' });
});
