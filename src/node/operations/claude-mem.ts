import path from 'node:path';
import { z } from 'zod';
import { isUser } from '../../gateways/claude-mem/user.ts';
import { feedOf } from '../../gateways/claude-mem/sync-feed.ts';
import { ok } from '../../core/result.ts';
import { refuseUnanswered } from '../claude-mem/answer-first.ts';
import { adoptFromHub, adoptFromOwnFeed, numbersGiven } from '../claude-mem/adopt-at-connect.ts';
import type { ItemAt } from '../claude-mem/adopt-served.ts';
import { readBroughtByHub } from '../claude-mem/brought-by-hub.ts';
import { placeOfPersonal } from '../claude-mem/await-served.ts';
import { itemsByNumber } from '../claude-mem/handed-over.ts';
import { AILMENTS, repairAilments, type Repair } from '../claude-mem/repair-ailments.ts';
import { importLocalHistory, localWorker } from '../claude-mem/local-worker.ts';
import type { ImportReport } from '../claude-mem/import-history.ts';
import { PERSONAL_USER } from '../claude-mem/personal-user.ts';
import { takeWholeLook, Unlooked } from '../claude-mem/whole-look.ts';
import { gatewayUrl } from '../claude-mem/gateway-url.ts';
import { readDeviceId } from '../claude-mem/settings-edit.ts';
import { tellDeletions, type Untold } from '../claude-mem/tell-deletions.ts';
import { unreadableDatabase } from '../claude-mem/unreadable-database.ts';
import { whySettingsUnusable } from '../claude-mem/why-settings-unusable.ts';
import { whyUnusable } from '../claude-mem/why-unusable.ts';
import { PERSONAL, type SatchelNode } from '../node.ts';
import { removeOwnBroughtAgain } from '../../sources/claude-mem-health/doubles.ts';
import { mayNotOpen } from '../../sources/claude-mem-health/may-not-open.ts';
import { readForeign } from '../read-foreign.ts';
import { catchUpFirst, catchUpIfAway, sendCaptured } from './catch-up-first.ts';
import { noInput } from './no-input.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface ClaudeMemToken {
  readonly id: string;
  /** Shown once. */
  readonly token: string;
  readonly user: string;
  /** What claude-mem is to be given as its hub. */
  readonly url: string;
}

/** Lets a user's worker in. */
export const addClaudeMemTokenOperation = defineOperation({
  input: z.strictObject({
    user: z.string().min(1).max(128),
    name: z.string().max(128),
    /** It is for the worker of this very machine. */
    ownWorker: z.boolean().default(false),
  }),
  async run(node, { user, name, ownWorker }): Promise<ClaudeMemToken> {
    if (!isUser(user))
      throw new OperationFailure('usage', 'bad-user', 'a user is named by letters, digits and . _ @ -, beginning with a letter or digit');
    if (ownWorker && user !== PERSONAL_USER && !node.config.hub)
      throw new OperationFailure(
        'usage',
        'other-user',
        `what this machine’s claude-mem saved as ${user} would reach none of your other machines, and no search: here only ${PERSONAL_USER}’s memories are your space’s`,
        'Run: satchel claude-mem connect',
      );
    const { id, token } = await node.claudeMemClients.addToken(user, name);
    return { id, token, user, url: gatewayUrl(node) };
  },
});

export const removeClaudeMemTokenOperation = defineOperation({
  input: z.strictObject({ id: z.string().min(1).max(4096) }),
  run: async (node, { id }): Promise<{ removed: boolean }> => ({ removed: await node.claudeMemClients.removeToken(id) }),
});

/** Makes room for another device of a user. One that comes again is let in again. */
export const removeClaudeMemDeviceOperation = defineOperation({
  input: z.strictObject({ device: z.string().min(1).max(4096) }),
  async run(node, { device }): Promise<{ user: string; device: string }> {
    const clients = node.claudeMemClients;
    const found: { user: string; device: string }[] = [];
    for (const user of new Set((await clients.tokens()).map((token) => token.user)))
      for (const { id, name } of await clients.devices(user)) if (id === device || name === device) found.push({ user, device: id });
    const [one, ...more] = found;
    if (one === undefined)
      throw new OperationFailure('usage', 'no-such-device', 'there is no device of that id or name', 'Run: satchel claude-mem serve');
    if (more.length > 0)
      throw new OperationFailure(
        'usage',
        'ambiguous-device',
        'more than one device is called so',
        'Give its id: satchel claude-mem serve --json',
      );
    await clients.removeDevice(one.user, one.device);
    return one;
  },
});

export interface ClaudeMemUser {
  readonly user: string;
  readonly tokens: readonly { readonly id: string; readonly name: string; readonly created_at: number }[];
  readonly devices: readonly { readonly id: string; readonly name: string | null; readonly admitted_at: number }[];
  readonly ops: number;
}

export const claudeMemUsersOperation = defineOperation({
  input: noInput,
  async run(node): Promise<{ url: string; users: ClaudeMemUser[] }> {
    const clients = node.claudeMemClients;
    const all = await clients.tokens();
    const users: ClaudeMemUser[] = [];
    for (const user of new Set(all.map((token) => token.user))) {
      const tokens = all.filter((token) => token.user === user);
      const head = await node.store.read((tx) => tx.feeds.head(feedOf(user)));
      users.push({
        user,
        tokens: tokens.map(({ id, name, createdAt }) => ({ id, name, created_at: createdAt })),
        devices: (await clients.devices(user)).map(({ id, name, admittedAt }) => ({ id, name, admitted_at: admittedAt })),
        ops: head?.number ?? 0,
      });
    }
    return { url: gatewayUrl(node), users };
  },
});

const hubPlace = z.strictObject({ url: z.string().max(4096), user: z.string().min(1).max(128), token: z.string().min(1).max(4096) });

/**
 * Before `connect` and `disconnect` write anything: captures what was edited, made and deleted in claude-mem's database beside a worker that
 * synced, while what stood there before is known. Then, before anybody syncs there, marks the rows that are served as another device's where the
 * worker is to go. `unlooked` and `unmarked` say why nobody could. `untold`: what the worker deleted, and the node that it synced with until now
 * could not be told. `unread`: why rows that it got by a hub, and that were edited here, are not known by what they were. Where it is to go to another node's gateway, what others changed and deleted comes first: refused, before anything is
 * changed, where that cannot be known. So is either where its settings cannot be read or written, and while it waits for an answer whose rows stand in the database.
 */
export const claudeMemReconnectingOperation = defineOperation({
  input: z.strictObject({
    /** This very node, as a user; another one's gateway; nowhere. */
    to: z
      .union([z.strictObject({ own: z.string().min(1).max(128) }), hubPlace])
      .nullable()
      .default(null),
  }),
  async run(
    node,
    { to },
    { progress },
  ): Promise<{
    unlooked: string | null;
    unread: string | null;
    untold: Untold | null;
    marked: number;
    unmarked: string | null;
    numbers: string | null;
  }> {
    const { claudeMemWorker: worker, deps } = node;
    await refuseBadSettings(worker.claudeMemHome);
    const isElsewhere = to !== null && 'url' in to;
    if (isElsewhere) await catchUpFirst(node, (done, total) => progress(done, total, 'commits'));
    else await catchUpIfAway(node);
    const open = [...node.spaces.values()].find(({ entry }) => entry.name === PERSONAL);
    if (open !== undefined) await refuseUnanswered(open);
    const untold = await tellDeletions(node);
    removeBroughtAgain(worker.claudeMemHome);
    const { unlooked, unread } = await wholeLook(node, isElsewhere);
    if (isElsewhere) await sendCaptured(node);
    const numbers = numbersGiven(worker.claudeMemHome);
    const itemAt = to === null || unlooked !== null ? undefined : await itemsInDatabase(node);
    const adopted =
      to === null
        ? ok(0)
        : 'own' in to
          ? await adoptFromOwnFeed({ ...worker, clock: deps.clock }, to.own)
          : await adoptFromHub(worker.claudeMemHome, to, deps.clock.now(), { itemAt, own: await placeOfPersonal(node) });
    return { unlooked, unread, untold, marked: adopted.ok ? adopted.value : 0, unmarked: adopted.ok ? null : adopted.error, numbers };
  },
});

/** Whose rows are whose cannot be told without them, and nothing could be written into them afterwards. */
async function refuseBadSettings(claudeMemHome: string): Promise<void> {
  const unusable = await whySettingsUnusable(claudeMemHome);
  if (unusable !== null) throw new OperationFailure('usage', 'bad-settings', unusable.reason, unusable.next);
}

/** Which item of the personal space each row is, as the last look at the database knew it. O(rows). */
async function itemsInDatabase({ spaces, store }: SatchelNode): Promise<ItemAt | undefined> {
  const open = [...spaces.values()].find(({ entry }) => entry.name === PERSONAL);
  if (open === undefined) return undefined;
  const { space } = open.entry;
  const [observation, summary, prompt] = await Promise.all(
    (['observation', 'summary', 'prompt'] as const).map((kind) => itemsByNumber(store, space, kind)),
  );
  const items = { observation, summary, prompt };
  return (kind, local) => items[kind]?.get(local) ?? null;
}

/** Where the database cannot be written, they stand twice, and doctor names them. */
function removeBroughtAgain(claudeMemHome: string): void {
  const file = path.join(claudeMemHome, 'claude-mem.db');
  try {
    if (mayNotOpen(file) === null) removeOwnBroughtAgain(file);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'SqliteError') throw error;
  }
}

/** What the hub that its worker leaves brought; none where the database cannot be read, which whoever looks into it next says. */
async function broughtByHub(node: SatchelNode): ReturnType<typeof readBroughtByHub> {
  try {
    return await readBroughtByHub(node, (await itemsInDatabase(node)) ?? (() => null));
  } catch (error) {
    if (error instanceof Error && error.name === 'SqliteError') return ok(null);
    throw error;
  }
}

/** Why nobody could look; `null` where somebody did, or there is no space to tell. */
async function wholeLook(
  node: SatchelNode,
  isToCatchUp: boolean,
): Promise<{ readonly unlooked: string | null; readonly unread: string | null }> {
  const open = [...node.spaces.values()].find(({ entry }) => entry.name === PERSONAL);
  if (open === undefined || !open.replica.canWrite) return { unlooked: null, unread: null };
  try {
    const brought = await broughtByHub(node);
    await takeWholeLook(node, open, { isToCatchUp, broughtAs: brought.ok ? brought.value : null });
    return { unlooked: null, unread: brought.ok ? null : brought.error };
  } catch (error) {
    if (error instanceof Unlooked) return { unlooked: error.message, unread: null };
    throw error;
  }
}

/**
 * After `connect` and `disconnect`: the source of claude-mem's database carries what its own sync does not. Rows that came since they were marked
 * are marked as well. `unmarked` says why they could not be.
 */
export const claudeMemReconnectedOperation = defineOperation({
  input: z.strictObject({
    /** Where the worker is to sync with another node, and what `claude-mem-reconnecting` said of the database. */
    hub: hubPlace.nullable().default(null),
    numbers: z.string().max(4096).nullable().default(null),
  }),
  async run(node, { hub, numbers }): Promise<{ reopened: boolean; marked: number; unmarked: string | null; live: boolean }> {
    const open = [...node.spaces.values()].find(({ entry }) => entry.name === PERSONAL);
    const reopened = open !== undefined && node.isLive && (await node.reopenChanged(open.entry.space));
    await forgetRefusals(node);
    const { claudeMemWorker: deps } = node;
    const [clock, worker] = [node.deps.clock, await localWorker(deps)];
    const isMarked = hub === null || numbers === numbersGiven(deps.claudeMemHome);
    const adopted =
      worker !== null
        ? await adoptFromOwnFeed({ ...deps, clock }, worker.user)
        : isMarked
          ? ok(0)
          : await adoptFromHub(deps.claudeMemHome, hub, clock.now(), { itemAt: await itemsInDatabase(node) });
    return { reopened, marked: adopted.ok ? adopted.value : 0, unmarked: adopted.ok ? null : adopted.error, live: node.isLive };
  },
});

/** Of this machine's own device: its worker begins anew, or syncs here no more. */
async function forgetRefusals({ claudeMemClients: clients, claudeMemWorker }: SatchelNode): Promise<void> {
  const settings = await readForeign(path.join(claudeMemWorker.claudeMemHome, 'settings.json'));
  const device = settings.ok ? readDeviceId(settings.value) : null;
  const users = new Set([PERSONAL_USER, ...(await clients.tokens()).map(({ user }) => user)]);
  if (device !== null) for (const user of users) await clients.pushed(user, device, null);
}

export const claudeMemImportOperation = defineOperation({
  input: noInput,
  async run(node, _, { progress }): Promise<ImportReport & { device: string }> {
    const worker = await localWorker(node.claudeMemWorker);
    if (worker === null)
      throw new OperationFailure(
        'usage',
        'not-connected',
        'claude-mem on this machine does not sync through this node',
        'Run: satchel claude-mem connect',
      );
    const { user, device, database, connection } = worker;
    const unusable = whyUnusable(database);
    if (unusable !== null) throw new OperationFailure('usage', unusable.type, unusable.reason, `${unusable.next}. Then run this again`);
    await refuseBadSettings(node.claudeMemWorker.claudeMemHome);
    if (device === null)
      throw new OperationFailure(
        'failed',
        'no-device',
        'claude-mem has given itself no device id yet',
        'Start its worker once, and run this again: satchel claude-mem import',
      );
    const said = (done: number): void => progress(done, done, 'rows');
    try {
      return { ...(await importLocalHistory(node.claudeMemWorker, { user, device, database, connection }, said)), device };
    } catch (error) {
      throw unreadableDatabase(error);
    }
  },
});

/** Says what would be done about what wedges claude-mem on this machine, or does it. */
export const claudeMemRepairOperation = defineOperation({
  input: z.strictObject({ check: z.string().min(1).max(64).nullable().default(null), apply: z.boolean().default(false) }),
  async run(node, { check, apply }): Promise<{ repairs: Repair[] }> {
    const only = check?.replace(/^claude-mem\./, '') ?? null;
    if (only !== null && !AILMENTS.includes(only))
      throw new OperationFailure('usage', 'no-such-check', `there is no such check: ${only}`, 'Which there are to repair: satchel doctor');
    return { repairs: await repairAilments(node, only, apply) };
  },
});
