import { describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ModelWorker } from '../gateways/claude-mem-model-worker.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import {
  cell,
  connect,
  connectElsewhere,
  disconnect,
  runWorker,
  titles,
  withTwoMachines,
  type Connected,
  type TwoMachines,
} from './claude-mem-two-machines.ts';
import { extent } from '../setup/extent.ts';
import { until } from '../setup/until.ts';
import { ask, type Place } from './place.ts';

type Way = 'own' | 'ana' | 'none';

const text = (of: MemDatabase): unknown =>
  of.sql.prepare("select title, coalesce(subtitle, '') as subtitle, narrative from observations order by title, id").raw().all();

const edit = (of: MemDatabase, title: string, narrative: string): void =>
  of.run('update observations set narrative = ? where title = ?', narrative, title);

/** A worker whose push is refused tries again later; why it was. */
async function pushed(worker: ModelWorker | null): Promise<string | null> {
  try {
    await worker?.push();
    return null;
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('revision_hash_conflict')) throw error;
    return error.message;
  }
}

/**
 * bea's worker goes from one way of syncing to another, while rows are edited, deleted and made beside it. Before, both databases hold rows that
 * ana made while her worker was connected (`x`), that bea made (`b`), and that came by Satchel before anybody was connected (`a`).
 */
class Reconnecting {
  readonly place: Place;
  readonly ana: MemDatabase;
  readonly bea: MemDatabase;
  readonly anaNode: SatchelNode;
  readonly beaNode: SatchelNode;
  readonly first: ModelWorker;

  constructor({ place, ana, bea, anaNode, beaNode }: TwoMachines, first: ModelWorker) {
    [this.place, this.ana, this.bea, this.anaNode, this.beaNode, this.first] = [place, ana, bea, anaNode, beaNode, first];
  }

  /** As `connect` and `disconnect` do; the worker has to be started again. */
  async go(way: Way): Promise<Connected | null> {
    if (way === 'own') return connect(this.place, 'bea', this.beaNode);
    if (way === 'ana') return connectElsewhere(this.place, 'bea', this.beaNode, this.anaNode);
    await disconnect(this.beaNode);
    return null;
  }

  async start(connected: Connected | null): Promise<ModelWorker | null> {
    return connected === null ? null : new ModelWorker(await runWorker(this.place, 'bea', connected), this.bea);
  }

  /** Both workers go on until both databases are equal, and a while more: then they still are, and nobody has anything to complain of. */
  async settled(second: ModelWorker | null): Promise<void> {
    let refused: string | null = null;
    const round = async (): Promise<boolean> => {
      for (const worker of [this.first, second]) {
        await worker?.pull();
        refused = await pushed(worker);
      }
      return JSON.stringify(text(this.ana)) === JSON.stringify(text(this.bea));
    };
    const last = Date.now() + 12_000;
    while (!(await round()) && Date.now() < last) await new Promise((resolve) => setTimeout(resolve, 150));
    for (let more = 0; more < 6; more += 1) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      await round();
    }
    expect([text(this.bea), refused]).toEqual([text(this.ana), null]);
  }

  async problems(): Promise<unknown> {
    const { checks } = await ask(this.beaNode, 'doctor', {});
    return checks.filter(({ id, result }) => id.startsWith('claude-mem') && result !== 'ok').map(({ id, reason }) => [id, reason]);
  }

  /** Until bea's node has heard of a memory, by whichever way it went. */
  async heard(title: string): Promise<void> {
    const { replica } = [...this.beaNode.spaces.values()][0]!;
    const hears = async (): Promise<boolean> => {
      const states = await replica.exclusive(() => replica.list({ kind: 'claude-mem' }));
      const bodies = await Promise.all(states.flatMap(({ content }) => (content === null ? [] : [replica.bodies.read(content)])));
      return bodies.some((body) => Buffer.from(body).toString().includes(`"title":"${title}"`));
    };
    await until(hears, true);
  }

  narratives(): Record<string, unknown> {
    return Object.fromEntries(titles(this.ana).map((title) => [title, cell(this.ana, 'narrative', title)] as const));
  }
}

/** On two machines of its own. Most of the time it waits: all of them run side by side. */
function withBoth(test: (on: Reconnecting) => Promise<void>): () => Promise<void> {
  return withTwoMachines(
    ({ ana, bea }) => {
      for (const of of [ana, bea]) of.session('s1');
      for (const title of ['a0', 'a1', 'a2']) ana.observation('s1', title);
      for (const title of ['b0', 'b1', 'b2']) bea.observation('s1', title);
      ana.summary('s1', 'Do it');
    },
    async (two) => {
      const { place, ana, bea, anaNode } = two;
      // On both: what comes behind the one pull below would wait for another.
      for (const of of [ana, bea]) await until(() => titles(of), ['a0', 'a1', 'a2', 'b0', 'b1', 'b2']);
      const first = new ModelWorker(await runWorker(place, 'ana', await connect(place, 'ana', anaNode)), ana);
      await first.pull();
      for (let at = 0; at < 6; at += 1) ana.observation('s1', `x${at}`);
      await first.push();
      await until(() => titles(bea).length, 12);
      await until(() => titles(ana).length, 12);
      await test(new Reconnecting(two, first));
    },
  );
}

/** The short run does those in which most came together. */
const CHANGES: readonly (readonly [readonly Way[], Way])[] = [
  [['ana'], 'own'],
  [['own', 'none'], 'own'],
  [['own', 'ana'], 'own'],
  [['own'], 'none'],
  [[], 'ana'],
];
const OTHERS: typeof CHANGES = [
  [[], 'own'],
  [['own'], 'ana'],
  [['own', 'none'], 'ana'],
  [['ana'], 'none'],
  [['ana', 'none'], 'own'],
  [['ana', 'own'], 'none'],
];

describe.concurrent.each([...CHANGES, ...extent([], OTHERS)])('from %j to %s', (before, to) => {
  it(
    'every row stands once on both machines, as it was edited last',
    withBoth(async (on) => {
      const { ana, bea, beaNode } = on;
      let second: ModelWorker | null = null;
      for (const way of before) {
        second = await on.start(await on.go(way));
        await second?.pull();
        bea.observation('s1', `by bea, ${way}`);
        await on.settled(second);
        await on.heard(`by bea, ${way}`);
      }
      expect(await on.problems()).toEqual([]);
      // Its worker is stopped.
      const edited = ['x1', 'b1', 'a1', `by bea, ${before.at(-1)}`];
      for (const title of edited) edit(bea, title, 'before');
      bea.run("delete from observations where title in ('x0', 'b0', 'a0')");
      bea.observation('s1', 'new before', { synced_at: 1 });
      let connected = await on.go(to);
      expect(await on.problems()).toEqual([]);
      edit(bea, 'x2', 'between');
      edit(bea, 'b2', 'between');
      // As her worker does when it changes a row.
      ana.run("update observations set narrative = 'between, by ana', sync_rev = sync_rev + 1, synced_at = null where title = 'a2'");
      bea.observation('s1', 'new between', { synced_at: null });
      second = await on.start(connected);
      // Beside a worker that syncs elsewhere nobody looks, before it goes on from there.
      if (to === 'ana') {
        await second?.pull();
        connected = await on.go('own');
        second = await on.start(connected);
      }
      await on.settled(second);
      const there = titles(ana);
      expect(there).toEqual([...new Set(there)]);
      expect(on.narratives()).toMatchObject({
        x1: 'before',
        b1: 'before',
        a1: 'before',
        x2: 'between',
        b2: 'between',
        a2: 'between, by ana',
      });
      if (before.length > 0) expect(on.narratives()).toMatchObject({ [edited[3]!]: 'before' });
      expect(there).toEqual(expect.arrayContaining(['new before', 'new between']));
      for (const gone of ['x0', 'b0', 'a0']) expect(there).not.toContain(gone);
      expect(await on.problems()).toEqual([]);
      expect((await ask(beaNode, 'conflicts', {})).conflicts).toEqual([]);
    }),
  );
});

it.concurrent(
  'a row that stands twice, edited and as it is served, is named and stands once after a repair, as it was edited',
  withBoth(async (on) => {
    const { ana, bea, beaNode } = on;
    const second = await on.start(await on.go('own'));
    await second?.pull();
    ana.observation('s1', 'later');
    ana.summary('s1', 'Do more');
    await on.settled(second);
    for (const table of ['observations', 'session_summaries']) {
      const title = table === 'observations' ? 'title' : 'request';
      const { id: _, ...cells } = bea.sql.prepare(`select * from ${table} where ${title} in ('later', 'Do more')`).get() as Record<
        string,
        string
      >;
      const edited = table === 'observations' ? { narrative: 'edited', content_hash: 'another' } : { learned: 'edited' };
      bea.insert(table, { ...cells, ...edited, origin_device_id: 'of-another-feed', origin_local_id: '77', sync_rev: 1 });
    }
    expect(await on.problems()).toEqual([['claude-mem.edited-doubles', expect.stringContaining('2 rows stand twice')]]);
    const repair = async (apply: boolean) => (await ask(beaNode, 'claude-mem-repair', { check: 'edited-doubles', apply })).repairs;
    expect(await repair(false)).toMatchObject([{ state: 'would' }]);
    expect(await repair(true)).toMatchObject([{ state: 'done' }]);
    expect(await repair(true)).toEqual([]);
    await on.settled(second);
    expect(titles(bea).filter((title) => title === 'later')).toHaveLength(1);
    expect(cell(ana, 'narrative', 'later')).toBe('edited');
    for (const of of [ana, bea])
      expect(of.sql.prepare("select learned from session_summaries where request = 'Do more'").pluck().all()).toEqual(['edited']);
  }),
);
