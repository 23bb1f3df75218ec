import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../../core/ports/clock.ts';
import type { FeedEntry } from '../../core/ports/feeds.ts';
import type { Store } from '../../core/ports/store.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { digestOf } from '../../gateways/claude-mem/digest.ts';
import type { OpBody } from '../../gateways/claude-mem/schema.ts';
import { createServedRows, type ServedRows } from '../../gateways/claude-mem/served-rows.ts';
import { feedOf } from '../../gateways/claude-mem/sync-feed.ts';
import { columnsOf, countOf, lookInto } from '../../sources/claude-mem-health/mem-tables.ts';
import { mayNotOpen } from '../../sources/claude-mem-health/may-not-open.ts';
import { OWN_TABLES, readStandingRows } from '../../sources/claude-mem/own-rows.ts';
import { readForeign } from '../read-foreign.ts';
import { adoptServed, type AdoptDeps, type ItemAt } from './adopt-served.ts';
import { awaitServed, type OwnPlace } from './await-served.ts';
import { markOthers, type LocalWorkerDeps } from './local-worker.ts';
import { ownFeed } from './own-feed.ts';
import { raiseTaken } from './raise-taken.ts';
import { readRemoteRows } from './remote-feed.ts';
import { deviceIdIn } from './settings-edit.ts';
import { servedOp, type ServedFeed, type ServedOp } from './wedged-pull.ts';

const PAGE = { entries: 500, bytes: 8_000_000 };
/** Asks in place of a worker that has given itself no device id yet. */
const NO_DEVICE = 'satchel-connect';

/** Another node's gateway, as a worker is pointed at it. */
export interface HubPlace {
  readonly url: string;
  readonly user: string;
  readonly token: string;
}

/**
 * Before a worker first syncs with another node's gateway: marks the rows of its database that are served there as another device's. Gives
 * how many; `itemAt`: where its changes are told of by a space; `own`: what this machine has of that, for which it waits a minute at most. The error
 * says why nobody could tell all of them. O(feed), over the network, and O(rows).
 */
export async function adoptFromHub(
  claudeMemHome: string,
  hub: HubPlace,
  now: number,
  { itemAt = () => null, own = null }: { readonly itemAt?: ItemAt | undefined; readonly own?: OwnPlace | null } = {},
): Promise<Result<number, string>> {
  const unserved = await awaitServed(hub, own);
  const told = await ownDevice(claudeMemHome);
  if (!told.ok) return told;
  const device = told.value;
  const file = path.join(claudeMemHome, 'claude-mem.db');
  const adopted = await adopt({ file, device, now, itemAt, isAllPushed: false }, () =>
    readRemoteRows({ ...hub, device: device ?? NO_DEVICE }),
  );
  return adopted.ok && unserved !== null ? fail(unserved) : adopted;
}

/**
 * The same before this machine's worker syncs through this very node, which imports all of its rows. Those of its own that were edited since it
 * sent them get the next revision.
 */
export async function adoptFromOwnFeed(
  { store, feeds, claudeMemHome, clock }: LocalWorkerDeps & { readonly clock: Clock },
  user: string,
): Promise<Result<number, string>> {
  const own = await ownDevice(claudeMemHome);
  if (!own.ok) return own;
  const device = own.value;
  const file = path.join(claudeMemHome, 'claude-mem.db');
  const isThere = (await store.read((tx) => tx.feeds.head(feedOf(user)))) !== null;
  const settleOwn = async (): Promise<void> => {
    if (!isThere || device === null) return;
    const feed = await ownFeed(store, feeds, user);
    if (await markOthers(file, device, feed, clock.now())) await raiseTaken(file, device, feed);
  };
  return adopt(
    { file, device, now: clock.now(), isAllPushed: true },
    async () => ok(await (await readOwnFeed(store, user)).rows()),
    settleOwn,
  );
}

/** Which device its worker is; the error says why that cannot be told, and then all that it made would look like another one's. */
export async function ownDevice(claudeMemHome: string): Promise<Result<string | null, string>> {
  const settings = await readForeign(path.join(claudeMemHome, 'settings.json'));
  const device = settings.ok ? deviceIdIn(settings.value) : settings;
  return device.ok ? device : fail(`claude-mem’s settings.json was left alone: ${device.error}`);
}

/** Stands for which rows are in a database: another one once a row is new. `null` where it cannot be read. */
export function numbersGiven(claudeMemHome: string): string | null {
  try {
    return readNumbers(claudeMemHome);
  } catch (error) {
    if (error instanceof Error && error.name === 'SqliteError') return null;
    throw error;
  }
}

function readNumbers(claudeMemHome: string): string {
  const look = lookInto(path.join(claudeMemHome, 'claude-mem.db'), (database) =>
    Object.values(OWN_TABLES).map((table) =>
      columnsOf(database, table).has('id') ? countOf(database, `SELECT max(id) FROM ${table}`) : 0,
    ),
  );
  return JSON.stringify(look);
}

/** What a user's workers are served here. */
export async function readOwnFeed(store: Store, user: string): Promise<ServedFeed> {
  const head = await store.read((tx) => tx.feeds.head(feedOf(user)));
  async function* entries(from: number): AsyncGenerator<FeedEntry> {
    for (let after = from; ;) {
      const page = await store.read((tx) => tx.feeds.read(feedOf(user), after, PAGE));
      yield* page;
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.number;
    }
  }
  return {
    epoch: head?.epoch ?? '',
    async behind(from) {
      const ops: ServedOp[] = [];
      for await (const { number, body } of entries(from)) {
        const op = servedOp(number, digestOf(body), JSON.parse(body) as OpBody);
        if (op !== null) ops.push(op);
      }
      return ops;
    },
    async rows() {
      const rows = createServedRows();
      for await (const { body } of entries(0)) rows.add(JSON.parse(body) as OpBody);
      return rows;
    },
  };
}

async function adopt(
  look: Omit<AdoptDeps, 'served'>,
  read: () => Promise<Result<ServedRows, string>>,
  then: () => Promise<void> = () => Promise.resolve(),
): Promise<Result<number, string>> {
  const { file } = look;
  try {
    if (!existsSync(file)) return ok(0);
    const refusal = mayNotOpen(file);
    if (refusal !== null) return fail(refusal);
    if (readStandingRows(file).next().done === true) return ok(0);
    const served = await read();
    if (!served.ok) return served;
    const marked = adoptServed({ ...look, served: served.value });
    await then();
    return ok(marked);
  } catch (error) {
    if (error instanceof Error && error.name === 'SqliteError') return fail(`claude-mem’s database cannot be written: ${error.message}`);
    throw error;
  }
}
