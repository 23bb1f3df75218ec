import { describe, expect, it } from 'vitest';
import { decodeRow, type Row } from '../../src/kinds/rows/row-body.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { row, tombstone } from '../gateways/claude-mem-ops.ts';
import { until } from '../setup/until.ts';
import { startBoth } from './claude-mem-two-machines.ts';
import { ask, Place } from './place.ts';

type Cells = Readonly<Record<string, unknown>>;

interface Body {
  readonly id: string;
  readonly entity_rev: string;
  readonly origin_device_id: string;
  readonly payload: Cells | null;
}

/** The only observation, as a space has it; `null` while there is none. */
async function inSpace(node: SatchelNode): Promise<Row | null> {
  const { replica } = [...node.spaces.values()][0]!;
  const states = await replica.exclusive(() => replica.list({ kind: 'claude-mem', prefix: 'claude-mem/observations/' }));
  expect(states.length).toBeLessThan(2);
  const content = states[0]?.content ?? null;
  const decoded = content === null ? null : decodeRow(await replica.bodies.read(content));
  return decoded?.ok === true ? decoded.value : null;
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

async function clientOf(node: SatchelNode, device: string): Promise<SyncClient> {
  const { token, url } = await ask(node, 'claude-mem-token-add', { user: 'me', name: device });
  return createSyncClient({ url, token, user: 'me', device });
}

/**
 * Two machines of one person, each with a gateway of its own. A worker of the first made a row, and edits it; then a device of the second,
 * whose database has the row by a way that nobody noted (a copied file, a source), pushes it for the first time.
 */
class TwoGateways {
  readonly place: Place;
  a: SatchelNode;
  b: SatchelNode;
  worker: SyncClient;
  copy: SyncClient;
  third: SyncClient;

  private constructor(place: Place, nodes: readonly [SatchelNode, SatchelNode], clients: readonly [SyncClient, SyncClient, SyncClient]) {
    this.place = place;
    [this.a, this.b] = nodes;
    [this.worker, this.copy, this.third] = clients;
  }

  static async start(place: Place): Promise<TwoGateways> {
    const { ana: a, bea: b } = await startBoth(place);
    return new TwoGateways(place, [a, b], [await clientOf(a, 'device-a'), await clientOf(b, 'device-b'), await clientOf(b, 'device-c')]);
  }

  /** The worker's words of its row, one after the other, each of which reaches the second machine. */
  async says(...words: readonly Cells[]): Promise<void> {
    for (const [index, payload] of words.entries()) {
      expect((await this.worker.push([row('device-a', { local: '7', rev: String(index + 1), payload })])).status).toBe(200);
      for (const [column, cell] of Object.entries(payload)) await until(async () => (await inSpace(this.b))?.get(column), cell);
      if (index === 0) await until(async () => (await inSpace(this.b)) === null, false);
    }
  }

  async pushes(rev: string, payload: Cells): Promise<void> {
    expect((await this.copy.push([row('device-b', { local: '9', rev, payload })])).status).toBe(200);
  }

  /** Both machines say so, and so do their workers; nothing goes round. */
  async settles(cells: Cells): Promise<void> {
    const { a, b, worker, copy, third } = this;
    for (const [column, value] of Object.entries(cells))
      await until(async () => [(await inSpace(a))?.get(column), (await inSpace(b))?.get(column)], [value, value]);
    for (const [column, value] of Object.entries(cells)) await until(() => told(third, column), [value]);
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

  async conflicts(): Promise<unknown[]> {
    return (await ask(this.b, 'conflicts', {})).conflicts.map(({ columns }) => columns);
  }
}

/** In a place of its own. Most of the time it waits: all of them run side by side. */
function withTwo(test: (two: TwoGateways) => Promise<void>): () => Promise<void> {
  return async () => {
    const place = await Place.create();
    try {
      await test(await TwoGateways.start(place));
    } finally {
      await place.dispose();
    }
  };
}

describe.concurrent.each([
  ['that its feed served as the gateway’s own', true],
  ['that its feed tells of from then on', false],
])('the first push of a row %s', (_, isServed) => {
  const begin = async ({ copy, third }: TwoGateways): Promise<void> => {
    if (isServed) for (const each of [copy, third]) await each.changes();
  };
  /** The last word of the row, where it was served. */
  const served = async ({ copy }: TwoGateways, cells: Cells): Promise<void> => {
    if (!isServed) return;
    for (const [column, cell] of Object.entries(cells)) await until(() => told(copy, column), [cell]);
    expect((await heldBy(copy)).map(({ origin_device_id: device }) => device)).toEqual(['satchel']);
  };

  it(
    'as it was before an edit elsewhere leaves the edit',
    withTwo(async (two) => {
      await begin(two);
      await two.says({}, { subtitle: 'newer' });
      await served(two, { subtitle: 'newer' });
      await two.pushes('1', {});
      await two.settles({ subtitle: 'newer' });
      expect(await two.conflicts()).toEqual([]);
    }),
  );

  it(
    'as it was between two edits elsewhere leaves both',
    withTwo(async (two) => {
      await begin(two);
      await two.says({ subtitle: 'first' }, { subtitle: 'second' }, { subtitle: 'second', agent_type: 'explorer' });
      await served(two, { agent_type: 'explorer' });
      await two.pushes('1', { subtitle: 'second' });
      await two.settles({ subtitle: 'second', agent_type: 'explorer' });
      expect(await two.conflicts()).toEqual([]);
    }),
  );

  it(
    'with an edit of another column merges the two',
    withTwo(async (two) => {
      await begin(two);
      await two.says({ subtitle: 'first' }, { subtitle: 'newer' });
      await served(two, { subtitle: 'newer' });
      await two.pushes('1', { subtitle: 'first', text: 'of b' });
      await two.settles({ subtitle: 'newer', text: 'of b' });
      expect(await two.conflicts()).toEqual([]);
    }),
  );

  it(
    'with another edit of that column is a conflict, which keeps both',
    withTwo(async (two) => {
      await begin(two);
      await two.says({ subtitle: 'first' }, { subtitle: 'newer' });
      await served(two, { subtitle: 'newer' });
      await two.pushes('1', { subtitle: 'of b' });
      await until(() => two.conflicts(), [['subtitle']]);
      await two.settles({ subtitle: 'newer' });
    }),
  );

  it(
    'that nobody knows the base of, and says otherwise, is a conflict too',
    withTwo(async (two) => {
      await begin(two);
      await two.says({ subtitle: 'newer' });
      await served(two, { subtitle: 'newer' });
      await two.pushes('1', { subtitle: 'first', text: 'of b' });
      await until(() => two.conflicts(), [['subtitle']]);
      await two.settles({ subtitle: 'newer', text: 'of b' });
    }),
  );
});

/** The device's client passes over all that is served under its own id, and so never got what was made of its row elsewhere. */
describe.concurrent('a later push of a row, from what its device said of it last', () => {
  /** The device has the row as it was first; both machines, and the other clients, the newer subtitle. */
  const begin = async (two: TwoGateways): Promise<void> => {
    await two.says({ subtitle: 'first' }, { subtitle: 'newer' });
    await two.pushes('1', { subtitle: 'first' });
    await two.settles({ subtitle: 'newer' });
    expect(await two.conflicts()).toEqual([]);
  };

  it(
    'with an edit of another column leaves the edit elsewhere, push after push',
    withTwo(async (two) => {
      await begin(two);
      await two.pushes('2', { subtitle: 'first', text: 'of b' });
      await two.settles({ subtitle: 'newer', text: 'of b' });
      await two.pushes('3', { subtitle: 'first', text: 'of b again' });
      await two.settles({ subtitle: 'newer', text: 'of b again' });
      await two.pushes('4', { subtitle: 'first', text: 'of b again' });
      await two.settles({ subtitle: 'newer', text: 'of b again' });
      expect(await two.conflicts()).toEqual([]);
    }),
  );

  it(
    'with an edit of the column that was edited elsewhere is a conflict, which keeps both',
    withTwo(async (two) => {
      await begin(two);
      await two.pushes('2', { subtitle: 'of b' });
      await until(() => two.conflicts(), [['subtitle']]);
      await two.settles({ subtitle: 'newer' });
    }),
  );

  it(
    'of several words at once is as one after the other',
    withTwo(async (two) => {
      await begin(two);
      const words: Cells[] = [{ text: 'of b' }, { text: 'of b', agent_type: 'explorer' }];
      const ops = words.map((more, at) => row('device-b', { local: '9', rev: String(at + 2), payload: { subtitle: 'first', ...more } }));
      expect((await two.copy.push(ops)).status).toBe(200);
      await two.settles({ subtitle: 'newer', text: 'of b' });
      expect(await two.conflicts()).toEqual([]);
    }),
  );

  it(
    'by other words is that row still, and leaves the edit elsewhere, push after push',
    withTwo(async (two) => {
      await begin(two);
      await two.pushes('2', { subtitle: 'first', title: 'Oat milk' });
      await two.settles({ title: 'Oat milk', subtitle: 'newer' });
      await two.pushes('3', { subtitle: 'first', title: 'Oat milk', text: 'of b' });
      await two.settles({ title: 'Oat milk', subtitle: 'newer', text: 'of b' });
      expect((await two.worker.push([row('device-a', { local: '7', rev: '3', payload: { subtitle: 'newest' } })])).status).toBe(200);
      await two.settles({ title: 'Oat milk', subtitle: 'newest', text: 'of b' });
      expect(await two.conflicts()).toEqual([]);
      expect((await two.copy.push([tombstone('device-b', { local: '9', rev: '4' })])).status).toBe(200);
      await until(async () => [await inSpace(two.a), await inSpace(two.b)], [null, null]);
      await until(() => heldBy(two.third), []);
    }),
  );

  it(
    'by other words than it was told by elsewhere is a conflict, which keeps both',
    withTwo(async (two) => {
      await begin(two);
      expect((await two.worker.push([row('device-a', { local: '7', rev: '3', payload: { title: 'Soy milk' } })])).status).toBe(200);
      await two.settles({ title: 'Soy milk' });
      await two.pushes('2', { subtitle: 'first', title: 'Oat milk', text: 'of b' });
      await until(() => two.conflicts(), [['title']]);
      await two.settles({ title: 'Soy milk', text: 'of b' });
      await two.pushes('3', { subtitle: 'first', title: 'Oat milk', text: 'of b again' });
      await two.settles({ title: 'Soy milk', text: 'of b again' });
    }),
  );

  it(
    'by other words, several at once, is as one after the other',
    withTwo(async (two) => {
      await begin(two);
      const words: Cells[] = [
        { title: 'Oat milk' },
        { title: 'Rice milk', text: 'of b' },
        { title: 'Milk', text: 'of b' },
        { title: 'Almond milk' },
      ];
      const ops = words.map((more, at) => row('device-b', { local: '9', rev: String(at + 2), payload: { subtitle: 'first', ...more } }));
      expect((await two.copy.push(ops)).status).toBe(200);
      await two.settles({ title: 'Almond milk', subtitle: 'newer' });
      expect(await two.conflicts()).toEqual([]);
    }),
  );

  it(
    'by other words, which was deleted elsewhere, is there again',
    withTwo(async (two) => {
      await begin(two);
      expect((await two.worker.push([tombstone('device-a', { local: '7', rev: '3' })])).status).toBe(200);
      await until(() => inSpace(two.b), null);
      await two.pushes('2', { subtitle: 'first', title: 'Oat milk' });
      await two.settles({ title: 'Oat milk', subtitle: 'first' });
    }),
  );

  it(
    'with an edit of what no state but the present one says is that edit, and what others hold is told',
    withTwo(async (two) => {
      await begin(two);
      await two.place.stop('bea');
      expect(
        (await two.worker.push([row('device-a', { local: '7', rev: '3', payload: { subtitle: 'newer', text: 'of a' } })])).status,
      ).toBe(200);
      await until(async () => (await inSpace(two.a))?.get('text'), 'of a');
      const port = Number(new URL((await ask(two.a, 'claude-mem-token-add', { user: 'me', name: 'look' })).url).port);
      await two.place.stop('ana');
      two.b = await two.place.start('bea');
      [two.copy, two.third] = [await clientOf(two.b, 'device-b'), await clientOf(two.b, 'device-c')];
      await two.pushes('2', { subtitle: 'first', type: 'bugfix' });
      await until(async () => (await inSpace(two.b))?.get('type'), 'bugfix');
      // Rebased over the other's edit before it lands: no state before says what the device says.
      two.a = await two.place.start('ana', { port });
      two.worker = await clientOf(two.a, 'device-a');
      await until(async () => (await two.worker.status()).body['head_seq'], '4');
      await two.settles({ subtitle: 'newer', text: 'of a', type: 'bugfix' });
      for (const [rev, type] of [
        ['3', 'feature'],
        ['4', 'change'],
      ] as const) {
        await two.pushes(rev, { subtitle: 'first', type });
        await until(async () => (await inSpace(two.a))?.get('type'), type);
        await two.settles({ subtitle: 'newer', text: 'of a', type });
      }
      expect(await two.conflicts()).toEqual([]);
    }),
  );
});
