import type { Content } from '../../core/content.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { FeedEntry } from '../../core/ports/feeds.ts';
import type { Store } from '../../core/ports/store.ts';
import type { Replica } from '../../core/replica/replica.ts';
import type { Applied, Found, Outstanding, Workspace } from '../../core/replica/workspace.ts';
import { claudeMemKind } from '../../kinds/claude-mem/claude-mem-kind.ts';
import { SESSION } from '../../kinds/claude-mem/tables.ts';
import type { Row } from '../../kinds/rows/row-body.ts';
import { DEFAULT_PLATFORM } from '../../kinds/claude-mem/names.ts';
import { LEFT_OUT, leftOut, neverCaptured, reopenLeftOut, withoutLeftOut, type BridgeScope } from './bridge-scope.ts';
import { capturedUpTo, noteCaptured } from './captured-cursor.ts';
import type { HandedOver, Untold } from './handed-over.ts';
import { readWrittenTo, type WrittenTo } from './held-base.ts';
import { createNameBook } from './name-book.ts';
import { obeyErasures } from './obey-erasures.ts';
import { goneStanding, itemToOps } from './items-to-ops.ts';
import { opsToItems, saidIn, sessionSaid, type FeedLook, type Wished } from './ops-to-items.ts';
import { GATEWAY_ORIGIN } from './plan-push.ts';
import { createRowsOfSpace, memItem, type RowsOfSpace } from './rows-of-space.ts';
import { createSessionBook, type SessionBook } from './session-book.ts';
import { readStanding, sawStanding, unseenStanding } from './standing-rows.ts';
import { doubledBy } from './subject.ts';
import { feedOf, type SyncFeeds } from './sync-feed.ts';
import { revisionAt } from './told-revisions.ts';

export interface SpaceBridgeDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly feeds: SyncFeeds;
  readonly replica: Replica;
  /** Covers {@link isCarried}. */
  readonly workspace: Workspace;
  readonly user: string;
  /** Which rows are this space's. */
  readonly scope: BridgeScope;
  /** Writes what a worker of this machine passes over into its database; gives how many rows wait. Called when clients were given all. */
  readonly writePassedOver: (look: Omit<FeedLook, 'entries'>) => Promise<number>;
  /** What another way carried of a worker's rows before its own sync did; `null` for nothing. */
  readonly handedOver: () => Promise<HandedOver | null>;
}

/** One user's feed and a space, kept the same: what was pushed becomes commits, what the space has from elsewhere is served. */
export interface SpaceBridge {
  /** Makes commits of what was pushed since; with `serves`, gives clients what they lack then. Durable; safe to repeat. */
  exchange(options: { readonly serves: boolean }): Promise<BridgeReport>;
}

export interface BridgeReport {
  /** Items that were captured. */
  readonly captured: number;
  /** Items whose ops were put into the feed. */
  readonly served: number;
  /** Items that wait for their place in the log, or their session’s, of which nobody tells. What waits for its session to come is told when it does. */
  readonly waiting: number;
  /** Rows that this machine's own worker passes over, and that could not be written into its database yet. */
  readonly unwritten: number;
}

export const BRIDGE_WRITER = 'claude-mem-gateway';
export const isCarried = (item: Item): boolean => item.kind === claudeMemKind.id;

const PAGE = { entries: 500, bytes: 8_000_000 };
const SERVE_AT_ONCE = 200;
const CHOICES = 'claude-mem-bridge-choices';

export async function createSpaceBridge(deps: SpaceBridgeDeps): Promise<SpaceBridge> {
  const { store, clock, feeds, replica, workspace, user, scope, writePassedOver } = deps;
  const feedName = feedOf(user);
  const rows = createRowsOfSpace(replica);
  const sessions = await createSessionBook({ store, user, rows, standing: standingSessions });
  const names = await createNameBook({ store, user, rows });
  const feedNow = async (): Promise<FeedLook> => ({
    index: await feeds.index(user),
    entry: async (number) => (await store.read((tx) => tx.feeds.read(feedName, number - 1, { entries: 1, bytes: 1 })))[0] ?? null,
    async *entries() {
      for (let after = 0; ;) {
        const page = await read(after);
        yield* page;
        const last = page.at(-1);
        if (last === undefined) return;
        after = last.number;
      }
    },
  });
  const read = (after: number): Promise<FeedEntry[]> => store.read((tx) => tx.feeds.read(feedName, after, PAGE));
  const cursor = (): Promise<number> => capturedUpTo(store, user);

  /** `null` also where numbers began anew since. */
  async function writtenTo(): Promise<WrittenTo | null> {
    const head = await store.read((tx) => tx.feeds.head(feedName));
    const written = await readWrittenTo(store, user);
    return written?.epoch === head?.epoch ? written : null;
  }

  /** Observations are pushed before the prompts that say of which session they are. */
  async function learnAhead(from: number): Promise<void> {
    for (let after = from; ;) {
      const page = await read(after);
      for (const entry of page) learnFrom(entry, sessions);
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.number;
    }
  }

  async function capture(): Promise<number> {
    let captured = 0;
    let after = await cursor();
    await learnAhead(after);
    // Before the entries are read: what is written from then on may come after what they say.
    const written = await writtenTo();
    let handedOver: Untold | null | undefined;
    for (;;) {
      const page = await read(after);
      const last = page.at(-1);
      if (last === undefined) return captured;
      handedOver ??= await notToldYet();
      for (const some of oneWordEach(page)) {
        const wished = await opsToItems(some, { rows, sessions, names, feed: await feedNow(), handedOver, told, written });
        await show(wished.madeFrom);
        const found = await withoutLeftOut(wished.found, scope, rows);
        if (found.length > 0) await workspace.capture(found, { message: messageOf(found), writer: BRIDGE_WRITER });
        await show(wished.told);
        await sessions.save();
        await names.save();
        after = some.at(-1)?.number ?? last.number;
        await noteCaptured(store, user, after);
        captured += found.length;
      }
    }
  }

  const told = async (name: string): Promise<Content | null> => (await workspace.views([name])).get(itemKey(memItem(name)))?.shown ?? null;

  async function show(states: Wished['told']): Promise<void> {
    if (states.length > 0) await workspace.applied(states.map((state) => ({ ...state, local: null })));
  }

  /** Of the sessions in the database of this machine's worker, those that are not in the space. */
  async function standingSessions(): Promise<Row[]> {
    const standing = (await (await deps.handedOver())?.sessions()) ?? new Map<string, Content>();
    const there = await rows.there([...standing.keys()]);
    const found: Row[] = [];
    for (const [name, content] of standing) {
      const row = there.has(name) ? null : await rows.rowOf(content);
      if (row !== null) found.push(row);
    }
    return found;
  }

  async function notToldYet(): Promise<Untold | null> {
    const handedOver = await deps.handedOver();
    if (handedOver === null) return null;
    return {
      ...handedOver,
      async untold(names) {
        const shown = await handedOver.shown(names);
        const views = await workspace.views([...shown.keys()]);
        const isNextFrom = (name: string, contents: readonly Content[]): boolean => {
          const told = views.get(itemKey(memItem(name)))?.shown ?? null;
          return told === null || contents.some(({ digest }) => digest === told.digest);
        };
        return new Map([...shown].filter(([name, contents]) => isNextFrom(name, contents)));
      },
    };
  }

  /** Where projects were chosen otherwise since: what was left out is looked at again. O(feed). */
  async function followChoices(): Promise<void> {
    const before = (await store.read((tx) => tx.documents.get<string>(CHOICES, user))) ?? '[]';
    if (before === scope.choices) return;
    const to = await cursor();
    const written = await writtenTo();
    const fresh = await neverCaptured(workspace);
    for (let after = 0; after < to;) {
      const page = (await read(after)).filter(({ number }) => number <= to);
      const last = page.at(-1);
      if (last === undefined) break;
      for (const some of oneWordEach(page)) {
        const wished = await opsToItems(some, { rows, sessions, names, feed: await feedNow(), handedOver: null, told, written });
        const found = fresh(await withoutLeftOut(wished.found, scope, rows));
        const isFound = new Set(found.map(({ item }) => itemKey(item)));
        const ofFound = (some: Wished['told']): Wished['told'] => some.filter(({ item }) => isFound.has(itemKey(item)));
        await show(ofFound(wished.madeFrom));
        if (found.length > 0) await workspace.capture(found, { message: messageOf(found), writer: BRIDGE_WRITER });
        await show(ofFound(wished.told));
      }
      after = last.number;
    }
    await reopenLeftOut(workspace);
    await store.write((tx) => tx.documents.put(CHOICES, user, scope.choices));
  }

  /** Rows of this machine's worker from another node's feed that went from the space before it came here: nobody was told of them here. */
  async function endStanding(): Promise<void> {
    const standing = await unseenStanding(store, user);
    const { term } = replica;
    if (standing.length > 0 && term !== null) {
      const feed = await feedNow();
      const states = await replica.visible(standing.map(({ name }) => memItem(name)));
      const additions = standing.flatMap((row) => {
        const state = states.get(itemKey(memItem(row.name)));
        const isGone = state !== undefined && state.content === null;
        const deps = { feed, now: clock.now(), revisionAt: (since: number) => revisionAt(term, since) };
        return isGone ? goneStanding(row, state.position, deps) : [];
      });
      if (additions.length > 0) await feeds.add(user, additions);
    }
    await sawStanding(store, user);
  }

  const workerDevice = async (): Promise<string | null> => (await deps.handedOver())?.device ?? null;

  /**
   * Rows that stand in this machine's database as another device's, and that this feed tells as its worker's own: they went from there, and came
   * again from another node's feed. Told under the names that they have now, since nothing reaches them under the others.
   */
  async function renameStanding(): Promise<void> {
    const standing = await unseenStanding(store, user);
    const worker = standing.length === 0 ? null : await workerDevice();
    if (worker === null) return;
    const { index } = await feedNow();
    const isOwnHere = ({ subject }: { readonly subject: string }): boolean =>
      [...index.about(subject)].some(
        (entity) => index.newest(entity)?.subject === subject && index.of(entity).some(({ origin }) => origin === worker),
      );
    const renamed = standing.filter(isOwnHere).map(({ name }) => memItem(name));
    for (let from = 0; from < renamed.length; from += SERVE_AT_ONCE) {
      const some = renamed.slice(from, from + SERVE_AT_ONCE);
      const states = await replica.visible(some);
      const there = some.flatMap((item) => {
        const content = states.get(itemKey(item))?.content ?? null;
        return content === null || replica.isDrafted(item) ? [] : [{ item, content, shown: content, local: null }];
      });
      await serveSome(there);
    }
  }

  async function serve(): Promise<Pick<BridgeReport, 'served' | 'waiting'>> {
    await renameStanding();
    await endStanding();
    const outstanding = await workspace.outstanding();
    // Parents first: a row is served once its session is there.
    const landed = outstanding.filter(({ item }) => !replica.isDrafted(item));
    const all = { served: 0, waiting: outstanding.length - landed.length };
    for (let from = 0; from < landed.length; from += SERVE_AT_ONCE) {
      const some = await serveSome(landed.slice(from, from + SERVE_AT_ONCE));
      all.served += some.served;
      all.waiting += some.waiting;
    }
    return all;
  }

  async function serveSome(some: readonly Outstanding[]): Promise<Pick<BridgeReport, 'served' | 'waiting'>> {
    const feed = await feedNow();
    const states = await replica.visible(some.map(({ item }) => item));
    const additions = [];
    const ahead = await rows.ahead([]);
    const isScoped = (await scope.refresh()) !== null;
    const shown: Applied[] = [];
    const never: { item: Item; reason: string }[] = [];
    let waiting = 0;
    const captured = await cursor();
    let known: ReturnType<typeof readStanding> | null = null;
    const standing = (): ReturnType<typeof readStanding> => (known ??= readStanding(store, user));
    for (const each of some) {
      const position = states.get(itemKey(each.item))?.position;
      const { term } = replica;
      if (position === undefined || term === null) continue;
      const elsewhere = isScoped ? await elsewhereBecause(each, ahead) : null;
      if (elsewhere !== null) {
        never.push({ item: each.item, reason: LEFT_OUT + elsewhere });
        continue;
      }
      const revisions = { now: clock.now(), revisionAt: (since: number) => revisionAt(term, since) };
      const made = await itemToOps(each, position, {
        rows: ahead,
        sessions,
        names,
        feed,
        captured,
        standing,
        worker: workerDevice,
        ...revisions,
      });
      if (made.type === 'later' && !made.isTold) waiting += 1;
      if (made.type === 'never') never.push({ item: each.item, reason: made.reason });
      if (made.type !== 'ops') continue;
      additions.push(...made.additions);
      shown.push({ item: each.item, content: each.content, local: null });
    }
    await names.save();
    // In the feed before they count as shown: what is said twice is left out there.
    if (additions.length > 0) await feeds.add(user, additions);
    if (shown.length > 0) await workspace.applied(shown);
    if (never.length > 0) await workspace.notHere(never);
    return { served: shown.length + never.length, waiting };
  }

  async function elsewhereBecause({ item, content }: Outstanding, rows: RowsOfSpace): Promise<string | null> {
    const row = content === null ? null : await rows.rowOf(content);
    const session = row?.get(SESSION);
    return row === null ? null : leftOut(scope, item.name, row, typeof session === 'string' ? await rows.row(session) : null);
  }

  return {
    async exchange({ serves }) {
      await followChoices();
      const captured = await capture();
      const served = serves ? await serve() : { served: 0, waiting: 0 };
      // Before anything is erased: what a row was tells whether it may be written over.
      const report = { captured, ...served, unwritten: serves ? await writePassedOver(await feedNow()) : 0 };
      if (serves && report.waiting === 0) await obeyErasures({ store, feeds, replica, rows, sessions, names, user, feed: await feedNow() });
      return report;
    },
  };
}

/** In their order, no row twice at once, be it by a double: its next word is made from what came of the one before. */
function* oneWordEach(entries: readonly FeedEntry[]): Generator<FeedEntry[]> {
  let some: FeedEntry[] = [];
  const told = new Set<string>();
  for (const entry of entries) {
    const rows = entry.origin === GATEWAY_ORIGIN ? [] : [entry.entity, doubledBy(entry) ?? entry.entity];
    if (rows.some((row) => told.has(row))) {
      yield some;
      some = [];
      told.clear();
    }
    some.push(entry);
    for (const row of rows) told.add(row);
  }
  if (some.length > 0) yield some;
}

function messageOf(found: readonly Found[]): string {
  return `claude-mem: ${found.length} rows`;
}

function learnFrom(entry: FeedEntry, sessions: SessionBook): void {
  // Most are neither, and parsing costs.
  if (!(entry.said ?? entry.body).includes('"content_session_id":"')) return;
  const says = saidIn(entry);
  if (says === null || (says.kind !== 'mutation' && says.deleted)) return;
  const named = says.kind !== 'mutation' ? says.payload : says.mutation['op'] === 'set_prompt_session' ? says.mutation['fields'] : null;
  if (named === null) return;
  const { memorySessionId, contentSessionId, platform } = sessionSaid(named as Record<string, unknown>);
  if (memorySessionId !== null && contentSessionId !== null)
    sessions.learn(memorySessionId, { platform: platform ?? DEFAULT_PLATFORM, contentSessionId });
}
