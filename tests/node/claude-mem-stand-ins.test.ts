import { describe, expect, it } from 'vitest';
import type { Content } from '../../src/core/content.ts';
import { decodeRow, type Row } from '../../src/kinds/rows/row-body.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { row, tombstone, type Kind } from '../gateways/claude-mem-ops.ts';
import { until } from '../setup/until.ts';
import { ask, Place } from './place.ts';

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

/** What a client that applies the feed has of other devices' rows. */
async function held(client: SyncClient): Promise<Record<string, unknown>[]> {
  const newest = new Map<string, { revision: bigint; payload: Record<string, unknown> | null }>();
  for (const { body } of (await client.changes()).body['ops'] as { body: string }[]) {
    const op = JSON.parse(body) as {
      id: string;
      kind: string;
      entity_rev: string;
      origin_device_id: string;
      payload: Record<string, unknown> | null;
    };
    if (op.kind === 'mutation' || op.origin_device_id === client.device) continue;
    const revision = BigInt(op.entity_rev);
    if ((newest.get(op.id)?.revision ?? -1n) < revision) newest.set(op.id, { revision, payload: op.payload });
  }
  return [...newest.values()].flatMap(({ payload }) => (payload === null ? [] : [payload]));
}

/** The rows of the space but its sessions, each with the states that a conflict keeps beside it. */
async function inSpace(node: SatchelNode): Promise<{ readonly row: Row; readonly beside: readonly Row[] }[]> {
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

/**
 * Two devices whose databases were copied from one another, through one gateway: the rows of the second are served as the first one's, and
 * numbers of the feed hold stand-ins for them. What the second says of them later is of the one row all the same.
 */
class OneGateway {
  readonly node: SatchelNode;
  readonly first: SyncClient;
  readonly second: SyncClient;
  readonly #third: SyncClient;

  private constructor(node: SatchelNode, [first, second, third]: readonly [SyncClient, SyncClient, SyncClient]) {
    [this.node, this.first, this.second, this.#third] = [node, first, second, third];
  }

  static async start(place: Place): Promise<OneGateway> {
    const node = await place.start('ana');
    await node.ensurePersonalSpace();
    const clientOf = async (device: string): Promise<SyncClient> => {
      const { token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name: device });
      return createSyncClient({ url, token, user: 'me', device });
    };
    return new OneGateway(node, await Promise.all([clientOf('device-1'), clientOf('device-2'), clientOf('device-3')]));
  }

  /** Until the space has this one row, with what of conflicts is told, and a client nothing else. */
  async expectOne(wanted: Record<string, unknown>, beside: readonly Record<string, unknown>[] = []): Promise<void> {
    const columns = Object.keys(wanted);
    const look = async () => {
      const found = await inSpace(this.node);
      return {
        space: found.map((each) => pick(columns, (column) => each.row.get(column))),
        beside: found.flatMap((each) => each.beside.map((kept, at) => pick(Object.keys(beside[at] ?? wanted), (c) => kept.get(c)))),
        served: (await held(this.#third)).map((payload) => pick(columns, (column) => payload[column])),
      };
    };
    await until(look, { space: [wanted], beside, served: [wanted] });
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await look()).toEqual({ space: [wanted], beside, served: [wanted] });
  }

  async expectGone(): Promise<void> {
    await until(async () => [await inSpace(this.node), await held(this.#third)], [[], []]);
  }
}

async function push(client: SyncClient, ...ops: unknown[]): Promise<void> {
  expect((await client.push(ops)).status).toBe(200);
}

/** In a place of its own. Most of the time it waits: all of them run side by side. */
function withGateway(test: (gateway: OneGateway) => Promise<void>): () => Promise<void> {
  return async () => {
    const place = await Place.create();
    try {
      await test(await OneGateway.start(place));
    } finally {
      await place.dispose();
    }
  };
}

describe.concurrent.each(['observation', 'summary'] as const)('A double of another device’s %s', (kind) => {
  const { key, one, other } = COLUMNS[kind];
  const words = { [key]: 'as copied', [one]: 'old', [other]: 'old' };

  const withDouble = (test: (gateway: OneGateway) => Promise<void>): (() => Promise<void>) =>
    withGateway(async (gateway) => {
      await push(gateway.first, says(1, kind, 1, words));
      await push(gateway.second, says(2, kind, 1, words));
      await gateway.expectOne(words);
      await test(gateway);
    });

  it(
    'is the same row where other columns than its words are edited',
    withDouble(async (gateway) => {
      await push(gateway.second, says(2, kind, 2, { ...words, [one]: 'by 2' }));
      await gateway.expectOne({ ...words, [one]: 'by 2' });
      await push(gateway.second, says(2, kind, 3, { ...words, [one]: 'by 2 again', [other]: 'too' }));
      await gateway.expectOne({ ...words, [one]: 'by 2 again', [other]: 'too' });
      await push(gateway.first, says(1, kind, 2, { ...words, [other]: 'by 1' }));
      await gateway.expectOne({ ...words, [one]: 'by 2 again', [other]: 'too' }, [{ [other]: 'by 1' }]);
    }),
  );

  it(
    'is the same row by other words',
    withDouble(async (gateway) => {
      await push(gateway.second, says(2, kind, 2, { ...words, [key]: 'reworded' }));
      await gateway.expectOne({ ...words, [key]: 'reworded' });
      await push(gateway.second, says(2, kind, 3, { ...words, [key]: 'reworded twice', [one]: 'by 2' }));
      await gateway.expectOne({ ...words, [key]: 'reworded twice', [one]: 'by 2' });
      await push(gateway.first, says(1, kind, 2, { ...words, [other]: 'by 1' }));
      await gateway.expectOne({ [key]: 'reworded twice', [one]: 'by 2', [other]: 'by 1' });
    }),
  );

  it(
    'goes with it',
    withDouble(async (gateway) => {
      await push(gateway.second, deletes(2, kind, 2));
      await gateway.expectGone();
      await push(gateway.second, says(2, kind, 3, { ...words, [one]: 'back' }));
      await gateway.expectOne({ ...words, [one]: 'back' });
    }),
  );

  it(
    'comes back where it is edited, when the row was deleted by its own device',
    withDouble(async (gateway) => {
      await push(gateway.first, deletes(1, kind, 2));
      await gateway.expectGone();
      await push(gateway.second, says(2, kind, 2, { ...words, [one]: 'by 2' }));
      await gateway.expectOne({ ...words, [one]: 'by 2' });
    }),
  );

  it(
    'merges with what the row’s own device said meanwhile',
    withDouble(async (gateway) => {
      await push(gateway.first, says(1, kind, 2, { ...words, [other]: 'by 1' }));
      await push(gateway.second, says(2, kind, 2, { ...words, [one]: 'by 2' }));
      await gateway.expectOne({ ...words, [one]: 'by 2', [other]: 'by 1' });
      await push(gateway.first, says(1, kind, 3, { ...words, [other]: 'by 1', [key]: 'reworded by 1' }));
      await push(gateway.second, says(2, kind, 3, { ...words, [one]: 'by 2 again' }));
      await gateway.expectOne({ [key]: 'reworded by 1', [one]: 'by 2 again', [other]: 'by 1' });
      await push(gateway.second, says(2, kind, 4, { ...words, [one]: 'by 2 again', [other]: 'by 2' }));
      await gateway.expectOne({ [key]: 'reworded by 1', [one]: 'by 2 again', [other]: 'by 1' }, [{ [other]: 'by 2' }]);
    }),
  );

  it(
    'merges by other words with what the row’s own device said meanwhile',
    withDouble(async (gateway) => {
      await push(gateway.first, says(1, kind, 2, { ...words, [other]: 'by 1' }));
      await push(gateway.second, says(2, kind, 2, { ...words, [key]: 'reworded' }));
      await gateway.expectOne({ [key]: 'reworded', [one]: 'old', [other]: 'by 1' });
    }),
  );

  it(
    'takes nothing away that the row’s own device said meanwhile',
    withDouble(async (gateway) => {
      await push(gateway.first, says(1, kind, 2, { ...words, [other]: 'by 1' }));
      await push(gateway.second, deletes(2, kind, 2));
      await gateway.expectOne({ ...words, [other]: 'by 1' });
    }),
  );
});

it.concurrent(
  'A double that says more than the row from its first word on is no other',
  withGateway(async (gateway) => {
    const words = { title: 'as copied', subtitle: 'old', text: 'old' };
    await push(gateway.first, says(1, 'observation', 1, words));
    await gateway.expectOne(words);
    await push(gateway.second, says(2, 'observation', 1, { ...words, subtitle: 'by 2' }));
    // Nobody knows which of the two is the older one.
    await gateway.expectOne(words, [{ subtitle: 'by 2' }]);
  }),
);

it.concurrent(
  'What was forgotten of a row is not kept as what its double said',
  withGateway(async (gateway) => {
    const words = { title: 'as copied', text: 'a secret' };
    await push(gateway.first, says(1, 'observation', 1, words));
    await push(gateway.second, says(2, 'observation', 1, words));
    await gateway.expectOne(words);
    const { replica } = [...gateway.node.spaces.values()][0]!;
    const inFeed = async (): Promise<string> =>
      JSON.stringify(await replica.deps.store.read((tx) => tx.feeds.read('claude-mem/me', 0, { entries: 500, bytes: 1e9 })));
    expect(await inFeed()).toContain('a secret');
    const [item] = await replica.exclusive(() => replica.list({ kind: 'claude-mem', prefix: 'claude-mem/observations/' }));
    expect(await ask(gateway.node, 'forget', { items: [item!.item.name] })).toMatchObject({ erased: true });
    await until(async () => (await inFeed()).includes('a secret'), false);
    // Its device has it still, and says more of it.
    await push(gateway.second, says(2, 'observation', 2, { ...words, subtitle: 'by 2' }));
    await gateway.expectOne({ ...words, subtitle: 'by 2' });
  }),
);
