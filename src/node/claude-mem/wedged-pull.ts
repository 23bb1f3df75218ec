import type { RowKind } from '../../gateways/claude-mem/payload.ts';
import type { OpBody } from '../../gateways/claude-mem/schema.ts';
import type { ServedRows } from '../../gateways/claude-mem/served-rows.ts';
import { blockedBy, needsStopped, type Ailment, type Repaired } from '../../sources/claude-mem-health/ailment.ts';
import { userOf } from '../../sources/claude-mem-health/holders.ts';
import { keepDatabase } from '../../sources/claude-mem-health/keep-copy.ts';
import { settlePulled, readPullState, type ServedState } from '../../sources/claude-mem-health/pull-state.ts';
import { counted } from '../counted.ts';
import { adoptServed } from './adopt-served.ts';

/** A state of a row, as it is served under a number. */
export interface ServedOp extends ServedState {
  readonly number: number;
}

/** What a worker is served. */
export interface ServedFeed {
  readonly epoch: string;
  /** What is said of rows, behind a number. O(what is found). */
  behind(number: number): Promise<readonly ServedOp[]>;
  /** O(feed). */
  rows(): Promise<ServedRows>;
}

/** `null` for what says nothing of a row. */
export function servedOp(number: number, digest: string, says: OpBody): ServedOp | null {
  if (says.kind === 'mutation') return null;
  const kind: RowKind = says.kind;
  const { id: entity, origin_device_id: device, origin_local_id: local, entity_rev: revision } = says;
  return { number, digest, kind, entity, device, local, revision, isGone: says.deleted };
}

export interface PullLook {
  /** claude-mem.db */
  readonly file: string;
  /** The worker's: it passes over what is its own. */
  readonly device: string;
  readonly feed: ServedFeed;
  /** Whether the feed's node pushes all of the worker's own rows. */
  readonly isAllPushed: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * A client that met a revision with other bytes than it holds under it, as where it read another node's feed before: it tries that page again for
 * ever, and takes in nothing behind it. O(what it has not read, and what it was served).
 */
export async function findWedgedPull(look: PullLook): Promise<Ailment | null> {
  const wedging = await statesInTheWay(look);
  const first = wedging[0];
  if (first === undefined) return null;
  const gone = wedging.filter(({ isGone }) => isGone).length;
  const there = wedging.length - gone;
  return {
    id: 'wedged',
    result: 'fail',
    severity: 'high',
    reason:
      'claude-mem takes in nothing more that other machines made: what it is served next is another state of a row at a revision that it has',
    evidence: [`${counted(wedging.length, 'such state is', 'such states are')} ahead of it, the first under number ${first.number}`],
    would: [
      ...needsStopped(look.file),
      ...(there > 0 ? [`have it take in ${counted(there, 'row as it is served', 'rows as they are served')}`] : []),
      ...(gone > 0
        ? [`leave ${counted(gone, 'row', 'rows')} where they stand that ${gone === 1 ? 'is' : 'are'} gone there, and go on behind`]
        : []),
      'mark rows that are served as another device’s as what they are, so that none stands twice',
    ],
    advice: null,
    repair: (backups) => unwedge(look, backups),
  };
}

async function statesInTheWay({ file, device, feed }: PullLook): Promise<ServedOp[]> {
  const state = readPullState(file);
  if (state === null) return [];
  // Another epoch has it begin anew.
  const from = state.epoch === null || state.epoch === feed.epoch ? state.cursor : 0;
  return (await feed.behind(from)).filter((op) => {
    const head = op.device === device ? undefined : state.heads.get(op.entity);
    return head !== undefined && head.revision === op.revision && head.digest !== op.digest;
  });
}

async function unwedge(look: PullLook, backups: string): Promise<Repaired> {
  const { file, device, feed, isAllPushed, now } = look;
  const user = userOf(file);
  if (user !== null) return blockedBy(user);
  const backup = await keepDatabase(file, backups, 'claude-mem');
  const wedging = await statesInTheWay(look);
  // A row that is gone under one name, and there under another, is that one.
  const marked = adoptServed({ file, device, served: await feed.rows(), isAllPushed, now });
  settlePulled(file, wedging);
  const lines = [
    `claude-mem gets past ${counted(wedging.length, 'state', 'states')} that it held otherwise, and takes in what is behind.`,
    ...(marked === 0 ? [] : [`${counted(marked, 'row is', 'rows are')} marked as another device’s, as they are served.`]),
    'Start its worker again.',
  ];
  return { type: 'done', lines, backup, rescued: [] };
}
