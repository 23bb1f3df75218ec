import type { StoreUnavailable } from '../../core/ports/store.ts';
import { checkRoom } from '../doctor/disk-room.ts';
import { failed, passed, warned, type Check } from '../doctor/check.ts';
import type { NodeHome } from '../home.ts';
import type { HubStatus } from './hub-status.ts';

type Facts = Pick<HubStatus, 'store' | 'spaces' | 'last_backup' | 'requests' | 'disk'> & {
  readonly home: Pick<NodeHome, 'root' | 'log'>;
  /** Where the store has a problem: what to do about it. */
  readonly remedy: string | null;
  /** The same of the bucket. */
  readonly bucketRemedy: string | null;
  /** Spaces of whose bodies what the bucket says cannot be read on: {@link checkStopped}. */
  readonly stoppedChecks: readonly Check[];
  /** Why nothing new is taken for want of room; `null`: there is some. */
  readonly full: StoreUnavailable | null;
  /** Milliseconds since 1970. */
  readonly now: number;
};

const WEEK = 7 * 24 * 3_600_000;
/** Of the requests of an hour: more that fail are no accidents. */
const MANY = 0.05;
/**
 * One failure is an accident, however few were asked: it would be more than {@link MANY} of the first nineteen after a start. Two
 * are none there. Nothing that is part of a hub's life answers with 500 and above (a lost race is 409, and other hubs that are
 * restarted fail nothing here), and a hub of two machines is asked a few times an hour: one of which each fails has to say so.
 */
const ACCIDENT = 1;

/** What is wrong with a hub, and what to do. Pure. */
export function hubChecks(facts: Facts): Check[] {
  return [
    checkStore(facts),
    ...checkBucket(facts),
    ...facts.stoppedChecks,
    ...checkBodies(facts),
    checkRequests(facts),
    checkRoom(facts.home.root, facts.disk.free_bytes, facts.full),
    ...checkBackup(facts),
  ];
}

function checkStore({ store: { problem }, remedy }: Facts): Check {
  if (problem === null) return passed('hub.store', 'the store answers');
  return failed('hub.store', 'high', `the store does not serve: ${problem}`, remedy);
}

function checkBucket({ store: { bucket, bucket_problem: problem }, bucketRemedy }: Facts): Check[] {
  if (bucket === null) return [];
  if (problem === null) return [passed('hub.bucket', 'the bucket answers')];
  return [failed('hub.bucket', 'high', `encrypted bodies are neither taken nor given: ${problem}`, bucketRemedy)];
}

function checkBodies({ spaces }: Facts): Check[] {
  if (spaces === null || spaces.wanted === 0) return [];
  const lost = `${spaces.wanted} encrypted ${spaces.wanted === 1 ? 'body' : 'bodies'} that logs need ${spaces.wanted === 1 ? 'is' : 'are'} missing or damaged here`;
  return [
    failed(
      'hub.bodies',
      'high',
      lost,
      'Machines of the space that have them bring them again: those that run by themselves, others with satchel sync. All of it is read by: satchel store verify --read-data',
    ),
  ];
}

function checkRequests({ requests: { last_hour: all, failed: bad }, home }: Facts): Check {
  if (bad === 0) return passed('hub.requests', 'no request failed in the last hour');
  const reason = `${bad} of ${all} requests failed in the last hour`;
  const next = `Look for "request failed" in ${home.log}`;
  return bad > ACCIDENT && bad / all > MANY ? failed('hub.requests', 'high', reason, next) : warned('hub.requests', 'medium', reason, next);
}

/** A database has backups of its own, and nobody here knows of them. */
function checkBackup({ store, spaces, last_backup: backup, now }: Facts): Check[] {
  if (store.type === 'postgres' || spaces === null || spaces.count === 0) return [];
  const next = 'Run: satchel store backup FILE --to age1…, and bring the file elsewhere';
  if (backup === null) return [warned('hub.backup', 'medium', 'this hub was never backed up by satchel store backup', next)];
  if (now - Date.parse(backup.at) > WEEK) return [warned('hub.backup', 'medium', 'the last backup is older than a week', next)];
  return [passed('hub.backup', 'there is a backup of the last seven days')];
}
