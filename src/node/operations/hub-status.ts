import { statfs } from 'node:fs/promises';
import { StoreUnavailable } from '../../core/ports/store.ts';
import { isLoopback } from '../../gateways/native/guard.ts';
import { lastBackup } from '../backup/last-backup.ts';
import { checkStopped } from '../doctor/bucket-checks.ts';
import type { Check } from '../doctor/check.ts';
import { lookAtBucket, lookAtKept, type KeptSpace } from '../kept-spaces.ts';
import type { SatchelNode } from '../node.ts';
import { hubChecks } from './hub-checks.ts';
import { noteLooked } from '../shared-store/hub-identity.ts';
import { noInput } from './no-input.ts';
import { defineOperation, OperationFailure, type OperationContext } from './operation.ts';

/** What a hub knows of itself and of what it keeps. Times are ISO 8601; names are sealed, and not here. */
export interface HubStatus {
  /** No check failed. */
  readonly well: boolean;
  readonly address: string | null;
  readonly public_url: string | null;
  readonly version: string;
  readonly pid: number;
  readonly running_since: string;
  readonly memory_bytes: number;
  readonly metrics: boolean;
  readonly store: HubStoreStatus;
  /** `null` while the store does not answer. */
  readonly spaces: HubSpacesStatus | null;
  readonly requests: HubRequestsStatus;
  /** Appends since it began: those that went in, and those that came second. */
  readonly appends: { readonly appended: number; readonly lost_races: number };
  readonly live_listeners: number;
  /** `null`: this node never wrote one; or the database has its own. */
  readonly last_backup: { readonly at: string; readonly bytes: number } | null;
  /** Where SATCHEL_HOME is. */
  readonly disk: { readonly free_bytes: number; readonly total_bytes: number };
  readonly checks: readonly Check[];
}

export interface HubStoreStatus {
  readonly type: 'sqlite' | 'postgres';
  /** `null`: in SATCHEL_HOME. */
  readonly place: string | null;
  readonly bytes: number | null;
  /** The bucket that encrypted bodies lie in; `null`: with the store. */
  readonly bucket: string | null;
  /** Why the bucket cannot be used; `null` while it can, and where there is none. Logs are served without it. */
  readonly bucket_problem: string | null;
  /** Spaces of whose encrypted bodies this hub cannot read on what the bucket says: none are taken or given. */
  readonly stopped_spaces: number;
  /** Why it does not answer; `null` while it does. */
  readonly problem: string | null;
}

export interface HubSpacesStatus {
  readonly count: number;
  readonly records: number;
  /** Of encrypted bodies; `null`: they lie in a bucket that does not answer. */
  readonly bytes: number | null;
  /** Encrypted bodies that logs need, that were asked for, and that are missing or damaged here. */
  readonly wanted: number;
  /** Machines that take part in any of them. */
  readonly machines: number;
  /** Those that asked this process for something. */
  readonly machines_last_hour: number;
  readonly machines_last_day: number;
  /** The largest first, ten at most. */
  readonly largest: readonly KeptSpace[];
}

export interface HubRequestsStatus {
  readonly last_hour: number;
  /** Of those: answered with 500 and above. */
  readonly failed: number;
  /** Of those: refused to their caller, lost races left out. */
  readonly refused: number;
  readonly failures: readonly { readonly at: string; readonly method: string; readonly route: string; readonly status: number }[];
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SHOWN = 10;

export const hubStatusOperation = defineOperation({
  input: noInput,
  async run(node, _, context): Promise<HubStatus> {
    const { meter, config, home, options, deps } = node;
    const { remedy, bucketRemedy, ...stored } = await lookAtStore(node, context);
    const { bucket } = node.objects;
    const stoppedChecks = bucket === undefined ? [] : checkStopped(bucket, 'hub.bodies-log');
    const recent = meter.recent();
    await node.room.look();
    const { bavail, blocks, bsize } = await statfs(home.root);
    const disk = { free_bytes: bavail * bsize, total_bytes: blocks * bsize };
    const requests = {
      last_hour: recent.requests,
      failed: recent.failed,
      refused: recent.refused,
      failures: recent.failures.map(({ at, method, route, status }) => ({ at: iso(at), method, route, status })),
    };
    const checks = hubChecks({
      ...stored,
      remedy,
      bucketRemedy,
      stoppedChecks,
      requests,
      disk,
      full: node.room.problem,
      home,
      now: deps.clock.now(),
    });
    return {
      well: checks.every(({ result }) => result !== 'fail'),
      address: node.address,
      public_url: config.publicUrl ?? null,
      version: options.version,
      pid: process.pid,
      running_since: iso(meter.since),
      memory_bytes: process.memoryUsage.rss(),
      metrics: config.metrics,
      ...stored,
      requests,
      appends: { appended: meter.appends.of('appended'), lost_races: meter.appends.of('moved') },
      live_listeners: meter.listeners.now(),
      disk,
      checks,
    };
  },
});

interface Looked extends Pick<HubStatus, 'store' | 'spaces' | 'last_backup'> {
  readonly remedy: string | null;
  readonly bucketRemedy: string | null;
}

/** A hub whose database or bucket is away, or takes nothing, still says so, of each. */
async function lookAtStore(node: SatchelNode, context: OperationContext): Promise<Looked> {
  const { store, objects } = node;
  const away = await lookAtBucket(node);
  const about = {
    type: store.place === null ? ('sqlite' as const) : ('postgres' as const),
    place: store.place,
    bucket: objects.bucket?.address ?? null,
    bucket_problem: away?.message ?? null,
  };
  const bucketRemedy = away?.remedy ?? null;
  try {
    const spaces = await lookAtSpaces(node, context);
    const backup = await lastBackup(store);
    await noteLooked(store, node.deps.clock.now()).catch((error: unknown) => {
      // How a hub is that has no room is asked for all the same.
      if (node.room.failed(error) === null) throw error;
    });
    return {
      store: { ...about, ...stoppedOf(node), bytes: await store.size(), problem: null },
      spaces,
      last_backup: backup === null ? null : { at: iso(backup.at), bytes: backup.bytes },
      remedy: null,
      bucketRemedy,
    };
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    return {
      store: { ...about, ...stoppedOf(node), bytes: null, problem: error.message },
      spaces: null,
      last_backup: null,
      remedy: error.remedy,
      bucketRemedy,
    };
  }
}

/** As of now: looking at the spaces is what shows it. */
function stoppedOf({ objects: { bucket } }: SatchelNode): Pick<HubStoreStatus, 'stopped_spaces'> {
  return { stopped_spaces: bucket?.stopped.size ?? 0 };
}

async function lookAtSpaces(node: SatchelNode, { progress }: OperationContext): Promise<HubSpacesStatus> {
  const ids = (await node.store.read((tx) => tx.logs.spaces())).filter((id) => (node.spaces.get(id)?.entry.remote ?? null) === null);
  const machines = new Set<string>();
  const kept: KeptSpace[] = [];
  let [shared, wanted] = [0, 0];
  for (const id of ids) {
    const { space, members } = await lookAtKept(node, id);
    wanted += ((await node.local.wantedObjects?.(id, null)) ?? []).length;
    kept.push(space);
    for (const member of members) machines.add(member);
    if (members.length > 1) shared += 1;
    progress(kept.length, ids.length, 'spaces');
  }
  if (!node.config.hub && shared === 0 && isLoopback(node.config.host)) throw noHub();
  const now = node.deps.clock.now();
  return {
    count: kept.length,
    records: kept.reduce((sum, { records }) => sum + records, 0),
    bytes: kept.reduce<number | null>((sum, { bytes }) => (sum === null || bytes === null ? null : sum + bytes), 0),
    wanted,
    machines: machines.size,
    machines_last_hour: node.heard.machinesSince(now - HOUR),
    machines_last_day: node.heard.machinesSince(now - DAY),
    largest: kept.toSorted((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0) || b.records - a.records).slice(0, SHOWN),
  };
}

function noHub(): OperationFailure {
  return new OperationFailure(
    'failed',
    'no-hub',
    'the node that runs here is no hub: it orders no log for others',
    'How it is: satchel status. To run a hub: satchel up --hub',
  );
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
