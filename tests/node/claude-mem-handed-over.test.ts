import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { undoConnection } from '../../src/node/claude-mem/connection.ts';
import { itemKey } from '../../src/core/item.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import { cell, connect, runWorker, titles, withTwoMachines, type Connected, type TwoMachines } from './claude-mem-two-machines.ts';
import { until } from '../setup/until.ts';
import { ask, type Place } from './place.ts';

const rowsOf = (node: SatchelNode): Promise<string[]> => {
  const { replica } = [...node.spaces.values()][0]!;
  return replica.exclusive(async () => (await replica.list({ kind: 'claude-mem' })).map(({ item }) => item.name));
};

const ALL = 8;

const sessionsOf = (of: MemDatabase): unknown => of.sql.prepare('select content_session_id from sdk_sessions order by 1').pluck().all();

/**
 * Two machines whose sources carried all rows. Then bea's worker was connected to its node, so that the source there carries sessions
 * alone, and did not run yet: what becomes elsewhere of its rows until then.
 */
class HandedOver {
  readonly place: Place;
  readonly ana: MemDatabase;
  readonly bea: MemDatabase;
  readonly anaNode: SatchelNode;
  beaNode: SatchelNode;
  /** Not before `connects`. */
  connected!: Connected;

  constructor({ place, ana, bea, anaNode, beaNode }: TwoMachines) {
    [this.place, this.ana, this.bea, this.anaNode, this.beaNode] = [place, ana, bea, anaNode, beaNode];
  }

  async connects(): Promise<void> {
    this.connected = await connect(this.place, 'bea', this.beaNode);
  }

  /** Until bea's node has heard of it. */
  async heard(count: number): Promise<void> {
    await until(async () => (await rowsOf(this.beaNode)).length, count);
  }

  /** Until bea's node has heard of rows that say so. */
  async heardText(...words: readonly string[]): Promise<void> {
    const { replica } = [...this.beaNode.spaces.values()][0]!;
    const hears = async (): Promise<boolean> => {
      const states = await replica.exclusive(() => replica.list({ kind: 'claude-mem' }));
      const bodies = await Promise.all(states.flatMap(({ content }) => (content === null ? [] : [replica.bodies.read(content)])));
      const text = bodies.map((body) => Buffer.from(body).toString()).join();
      return words.every((word) => text.includes(word));
    };
    await until(hears, true);
  }

  /** The worker runs for the first time, and its history is brought in. */
  async firstRun(): Promise<SyncClient> {
    const worker = await runWorker(this.place, 'bea', this.connected);
    await worker.changes();
    const imported = (): Promise<unknown> => this.beaNode.store.read((tx) => tx.documents.get('claude-mem-imported', 'me'));
    await until(imported, expect.objectContaining({ device: 'device-bea' }));
    return worker;
  }

  /** Both are equal, and stay so. */
  async settle(expected: readonly string[]): Promise<void> {
    await until(() => [titles(this.ana), titles(this.bea)], [expected, expected]);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect([titles(this.ana), titles(this.bea)]).toEqual([expected, expected]);
    // A hash that a machine worked out is its own.
    expect(this.ana.rows(this.bea, ['content_hash'])).toEqual(this.bea.rows(this.ana, ['content_hash']));
    expect(await ask(this.beaNode, 'conflicts', {})).toMatchObject({ conflicts: [] });
  }
}

/** On two machines of its own. Most of the time it waits: all of them run side by side. */
function withBoth(test: (on: HandedOver) => Promise<void>): () => Promise<void> {
  return withTwoMachines(
    ({ bea }) => {
      for (const session of ['s1', 's2']) bea.session(session);
      // Lists spelled as their writer did: an op says what they mean, and no more.
      for (const title of ['one', 'two', 'three']) bea.observation('s1', title, { synced_at: 1, facts: '["a", "b"]' });
      bea.observation('s2', 'of s2', { synced_at: 1 });
      bea.summary('s1', 'Do it', { synced_at: 1 });
      bea.prompt('s1', 1, 'hello', { synced_at: 1 });
    },
    async (two) => {
      await until(() => two.ana.rows(two.bea), two.bea.rows(two.ana));
      await test(new HandedOver(two));
    },
  );
}

/** bea's worker was connected, and did not run yet. */
const withConnected = (test: (on: HandedOver) => Promise<void>): (() => Promise<void>) =>
  withBoth(async (on) => {
    await on.connects();
    await test(on);
  });

describe.concurrent('what becomes of a worker’s rows elsewhere after it was connected, and before it first runs', () => {
  it(
    'deletions reach its database, and do not come back',
    withConnected(async (on) => {
      const { ana, bea } = on;
      ana.run("delete from observations where title = 'one'");
      ana.run('delete from session_summaries');
      await on.heard(ALL - 2);
      await on.firstRun();
      await on.settle(['of s2', 'three', 'two']);
      expect(bea.get('select count(*) from session_summaries')).toBe(0);
    }),
  );

  it(
    'so do those of a session with all of its rows',
    withConnected(async (on) => {
      const { ana, bea } = on;
      ana.run("delete from sdk_sessions where content_session_id = 's2'");
      await on.heard(ALL - 2);
      await on.firstRun();
      await on.settle(['one', 'three', 'two']);
      await until(() => [sessionsOf(ana), sessionsOf(bea)], [['s1'], ['s1']]);
    }),
  );

  it(
    'a row that was edited here outlives that, and so does its session, whole',
    withConnected(async (on) => {
      const { ana, bea } = on;
      ana.run("delete from sdk_sessions where content_session_id = 's2'");
      await on.heard(ALL - 2);
      bea.run("update observations set subtitle = 'from bea' where title = 'of s2'");
      await on.firstRun();
      await on.settle(['of s2', 'one', 'three', 'two']);
      expect([sessionsOf(ana), sessionsOf(bea)]).toEqual([
        ['s1', 's2'],
        ['s1', 's2'],
      ]);
      expect(ana.get("select user_prompt from sdk_sessions where content_session_id = 's2'")).toBe('do it');
    }),
  );

  it(
    'edits reach it, and are no conflict with what stands there',
    withConnected(async (on) => {
      const { ana, bea } = on;
      ana.run("update observations set subtitle = 'from ana' where title = 'two'");
      ana.run("update session_summaries set learned = 'from ana'");
      await on.heardText('"subtitle":"from ana"', '"learned":"from ana"');
      await on.firstRun();
      await until(() => cell(bea, 'subtitle', 'two'), 'from ana');
      await until(() => bea.get('select learned from session_summaries'), 'from ana');
      await on.settle(['of s2', 'one', 'three', 'two']);
    }),
  );

  it(
    'an edit here meanwhile of what was edited elsewhere as well is a conflict, which keeps both',
    withConnected(async (on) => {
      const { ana, bea, beaNode } = on;
      ana.run("update observations set subtitle = 'from ana' where title = 'two'");
      await on.heardText('"subtitle":"from ana"');
      bea.run("update observations set subtitle = 'from bea' where title = 'two'");
      await on.firstRun();
      const conflicted = async (): Promise<string[]> => (await ask(beaNode, 'conflicts', {})).conflicts.map(({ item }) => item);
      await until(async () => (await conflicted()).length, 1);
      const { replica } = [...on.beaNode.spaces.values()][0]!;
      const item = { kind: 'claude-mem', name: (await conflicted())[0]! };
      const [sibling] = await replica.siblings(item);
      const there = (await replica.visible([item])).get(itemKey(item))?.content ?? null;
      const bodies = await Promise.all([there, sibling?.content ?? null].map((each) => replica.bodies.read(each!)));
      expect(bodies.map((body) => /"subtitle":"[^"]*"/.exec(Buffer.from(body).toString())?.[0])).toEqual([
        '"subtitle":"from ana"',
        '"subtitle":"from bea"',
      ]);
      expect(cell(ana, 'subtitle', 'two')).toBe('from ana');
    }),
  );

  it(
    'what was forgotten does not come back',
    withConnected(async (on) => {
      const { anaNode } = on;
      const { replica } = [...on.beaNode.spaces.values()][0]!;
      const states = await replica.exclusive(() => replica.list({ kind: 'claude-mem' }));
      const items = states.map(({ item }) => item.name).filter((name) => name.includes('/observations/claude/s1/'));
      expect(await ask(anaNode, 'forget', { items })).toMatchObject({ erased: true });
      await on.heard(ALL - 3);
      const worker = await on.firstRun();
      await on.settle(['of s2']);
      const served = async (): Promise<string> => JSON.stringify((await worker.changes()).body['ops']);
      await until(async () => (await served()).includes('about one'), false);
    }),
  );

  it(
    'its node may have been away meanwhile',
    withConnected(async (on) => {
      const { place, ana } = on;
      await place.stop('bea');
      ana.run("delete from observations where title = 'one'");
      await new Promise((resolve) => setTimeout(resolve, 1_500)); // ana's source has to see it
      const worker = await runWorker(place, 'bea', on.connected);
      on.beaNode = await place.start('bea', { port: Number(new URL(on.connected.url).port) });
      await worker.changes();
      await on.settle(['of s2', 'three', 'two']);
    }),
  );

  it(
    'an edit here meanwhile outlives a deletion elsewhere, and what is new here is new there',
    withConnected(async (on) => {
      const { ana, bea } = on;
      ana.run("delete from observations where title in ('one', 'two')");
      await on.heard(ALL - 2);
      bea.run("update observations set subtitle = 'from bea' where title = 'two'");
      bea.observation('s1', 'four', { synced_at: 1 });
      await on.firstRun();
      await on.settle(['four', 'of s2', 'three', 'two']);
      expect(cell(ana, 'subtitle', 'two')).toBe('from bea');
    }),
  );

  it(
    'an edit here of what tells a row outlives its deletion elsewhere: it is one, and stays',
    withConnected(async (on) => {
      const { ana, bea } = on;
      ana.run("delete from observations where title = 'one'");
      await on.heard(ALL - 1);
      bea.run("update observations set title = 'uno' where title = 'one'");
      await on.firstRun();
      await on.settle(['of s2', 'three', 'two', 'uno']);
      expect(bea.get("select count(*) from observations where title = 'uno'")).toBe(1);
    }),
  );
});

it.concurrent(
  'a row that was told by other words before stays the same one when it is deleted elsewhere',
  withBoth(async (on) => {
    const { ana, bea } = on;
    bea.run("update observations set title = 'uno' where title = 'one'");
    bea.run("update session_summaries set request = 'Do that'");
    await until(() => [titles(ana), ana.get('select request from session_summaries')], [titles(bea), 'Do that']);
    await on.connects();
    ana.run("delete from observations where title = 'uno'");
    ana.run('delete from session_summaries');
    await on.heard(ALL - 2);
    await on.firstRun();
    await on.settle(['of s2', 'three', 'two']);
    expect(bea.get('select count(*) from session_summaries')).toBe(0);
  }),
);

describe.concurrent('what is deleted in its database after it was connected, and before it first runs', () => {
  it(
    'is deleted elsewhere',
    withConnected(async (on) => {
      const { ana, bea } = on;
      bea.run("delete from observations where title = 'one'");
      bea.run('delete from user_prompts');
      await on.firstRun();
      await on.settle(['of s2', 'three', 'two']);
      expect([ana, bea].map((of) => of.get('select count(*) from user_prompts'))).toEqual([0, 0]);
    }),
  );

  it(
    'is also where its node was away',
    withConnected(async (on) => {
      const { place, bea } = on;
      await place.stop('bea');
      bea.run("delete from observations where title = 'one'");
      const worker = await runWorker(place, 'bea', on.connected);
      on.beaNode = await place.start('bea', { port: Number(new URL(on.connected.url).port) });
      await worker.changes();
      await on.settle(['of s2', 'three', 'two']);
    }),
  );

  it(
    'goes with its session, if that was deleted',
    withConnected(async (on) => {
      const { ana, bea } = on;
      bea.run("delete from sdk_sessions where content_session_id = 's2'");
      await on.firstRun();
      await on.settle(['one', 'three', 'two']);
      expect([sessionsOf(ana), sessionsOf(bea)]).toEqual([['s1'], ['s1']]);
    }),
  );

  it(
    'stays where it was changed elsewhere meanwhile',
    withConnected(async (on) => {
      const { ana, bea } = on;
      bea.run("delete from observations where title = 'one'");
      ana.run("update observations set subtitle = 'from ana' where title = 'one'");
      await on.heardText('"subtitle":"from ana"');
      const worker = await on.firstRun();
      const served = async (): Promise<string> => JSON.stringify((await worker.changes()).body['ops']);
      await until(async () => (await served()).includes('from ana'), true);
      expect(titles(ana)).toEqual(['of s2', 'one', 'three', 'two']);
    }),
  );

  it(
    'is nothing that goes after it first ran, whatever device id it has later',
    withConnected(async (on) => {
      const { place, ana, bea, beaNode } = on;
      await on.firstRun();
      bea.run("delete from observations where title = 'one'");
      const file = path.join(place.home('bea'), '.claude-mem', 'settings.json');
      const written = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
      await writeFile(file, JSON.stringify({ ...written, CLAUDE_MEM_CLOUD_SYNC_DEVICE_ID: 'device-other' }));
      ana.observation('s1', 'four', { synced_at: 1 });
      const imported = (): Promise<unknown> => beaNode.store.read((tx) => tx.documents.get('claude-mem-imported', 'me'));
      await until(imported, expect.objectContaining({ device: 'device-other' }));
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect(titles(ana)).toEqual(['four', 'of s2', 'one', 'three', 'two']);
    }),
  );

  it(
    'is what it was told of last only: a row that comes again is there',
    withConnected(async (on) => {
      const { bea } = on;
      const row = bea.sql.prepare("select * from observations where title = 'one'").get() as Record<string, string>;
      bea.run("delete from observations where title = 'one'");
      const { id: _, ...cells } = row;
      bea.insert('observations', cells);
      await on.firstRun();
      await on.settle(['of s2', 'one', 'three', 'two']);
    }),
  );
});

it.concurrent(
  'most of a database gone at once is no wish: it comes again from the space',
  withBoth(async (on) => {
    const { ana, bea } = on;
    for (let at = 0; at < 30; at += 1) bea.observation('s1', `more ${at}`, { synced_at: 1 });
    await on.heard(ALL + 30);
    await on.connects();
    bea.run('delete from observations');
    const worker = await on.firstRun();
    const served = async (): Promise<string> => JSON.stringify((await worker.changes()).body['ops']);
    await until(async () => (await served()).includes('about more 29'), true);
    expect(titles(ana)).toHaveLength(34);
  }),
);

/** What a client holds that read everything: rows by the device that they are of. An observation that says the same as one that it has is left out. */
async function heldBy(client: SyncClient): Promise<string[]> {
  const rows = new Map<string, { readonly says: string; readonly row: string }>();
  const ops = (await client.changes()).body['ops'] as readonly { readonly body: string }[];
  for (const { body } of ops) {
    const { id, kind, deleted, origin_device_id: device, payload } = JSON.parse(body) as OpSays;
    if (kind === 'mutation') continue;
    const says = kind === 'observation' ? `${payload?.memory_session_id} ${payload?.title} ${payload?.narrative}` : id;
    if (deleted) rows.delete(id);
    else if (rows.has(id) || [...rows.values()].every((held) => held.says !== says)) rows.set(id, { says, row: `${device} ${kind}` });
  }
  return Array.from(rows.values(), ({ row }) => row).toSorted();
}
interface OpSays {
  readonly id: string;
  readonly kind: string;
  readonly deleted: boolean;
  readonly origin_device_id: string;
  readonly payload: { readonly memory_session_id: string; readonly title: string; readonly narrative: string } | null;
}
const OWN_ROWS = [...Array.from({ length: 4 }, () => 'observation'), 'prompt', 'summary'].map((kind) => `device-bea ${kind}`);

it.concurrent(
  'rows that other clients were given as the space’s are its own from when it is connected: nobody has them twice',
  withBoth(async (on) => {
    const { ana, bea, beaNode } = on;
    const { token, url } = await ask(beaNode, 'claude-mem-token-add', { user: 'me', name: '' });
    const other = createSyncClient({ url, token, user: 'me', device: 'device-other' });
    await other.changes();
    await until(
      () => heldBy(other),
      OWN_ROWS.map((row) => row.replace('device-bea', 'satchel')),
    );
    await on.connects();
    const worker = await on.firstRun();
    await until(() => heldBy(worker), OWN_ROWS);
    // An edit elsewhere is one of that row.
    ana.run("update session_summaries set learned = 'from ana'");
    await until(() => bea.get('select learned from session_summaries'), 'from ana');
    expect(await heldBy(other)).toEqual(OWN_ROWS);
  }),
);

it.concurrent(
  'so are those that were made while it was disconnected for a time',
  withBoth(async (on) => {
    const { ana, bea, beaNode } = on;
    await on.connects();
    await on.firstRun();
    expect(await undoConnection(beaNode.home)).toMatchObject({ ok: true });
    await ask(beaNode, 'claude-mem-reconnected', {});
    bea.summary('s2', 'Do more', { synced_at: 1 });
    await until(() => ana.get('select count(*) from session_summaries'), 2);
    await on.connects();
    const worker = await on.firstRun();
    await until(() => heldBy(worker), [...OWN_ROWS, 'device-bea summary']);
    // What the feed and the source carried meanwhile does not change anything.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await heldBy(worker)).toEqual([...OWN_ROWS, 'device-bea summary']);
    expect(ana.rows(bea, ['content_hash'])).toEqual(bea.rows(ana, ['content_hash']));
  }),
);
