import path from 'node:path';
import { mixedUnder } from '../../sources/claude-mem-health/held-standing.ts';
import { userOf } from '../../sources/claude-mem-health/holders.ts';
import { abandon } from '../../sources/sqlite-rows/open-here.ts';
import { counted } from '../counted.ts';
import type { SatchelNode } from '../node.ts';
import { findAilments } from './find-ailments.ts';
import { findLeftRows, noteLeftRows } from './left-rows.ts';
import { makeBackups } from './make-backups.ts';
import { readRemoteFeed } from './remote-feed.ts';
import { readSyncPath } from './sync-path.ts';
import { takeInRows } from './take-in-rows.ts';

/** Of one state that was found. */
export interface Repair {
  readonly id: string;
  readonly reason: string;
  readonly evidence: readonly string[];
  /** What is, or would be, done. */
  readonly would: readonly string[];
  readonly state: 'would' | 'done' | 'blocked' | 'nothing';
  /** What was done, or why nothing was. */
  readonly lines: readonly string[];
  /** What stood there before. */
  readonly backup: string | null;
  readonly next: string | null;
}

/** All that can be found. */
export const AILMENTS: readonly string[] = [
  'open-file',
  'wal',
  'unreadable',
  'damage',
  'missing-table',
  'schema',
  'newer-schema',
  'full-text',
  'queue',
  'pending-messages',
  'set-aside',
  'doubles',
  'edited-doubles',
  'left-rows',
  'history',
  'device-id',
  'revisions',
  'lost-rows',
  'wedged',
  'refused',
  'settings',
  'hub',
  'two-paths',
  'apart',
  'pushed-anyway',
  'projects',
];

const INDEX = 'full-text';
const CHANGES_ROWS: ReadonlySet<string> = new Set([
  'queue',
  'doubles',
  'edited-doubles',
  'left-rows',
  'history',
  'device-id',
  'revisions',
  'lost-rows',
  'wedged',
]);

/** What is done with the files themselves, which this process must not have open: closing one gives up SQLite's locks on it. */
const COPIES_FILES: ReadonlySet<string> = new Set(['open-file', 'wal']);

async function withoutOwn<T>({ memRows, config }: SatchelNode, work: () => Promise<T>): Promise<T> {
  const file = path.join(config.environment.claudeMemHome, 'claude-mem.db');
  return memRows.turns.run(() => {
    abandon(file, userOf(file) !== null);
    return work();
  });
}

/**
 * Repairs what is wrong with this machine's claude-mem, or (`apply` false) says what it would do. One state after the other, each looked at
 * again before: a repair may mend, or bring to light, another. Safe to repeat, and to be killed in.
 */
export async function repairAilments(node: SatchelNode, only: string | null, apply: boolean): Promise<Repair[]> {
  const repairs: Repair[] = [];
  // Long to read, and none of the repairs changes it.
  let feed: ReturnType<typeof readRemoteFeed> | null = null;
  const askHub: typeof readRemoteFeed = (place) => (feed ??= readRemoteFeed(place));
  for (;;) {
    const all = await findAilments(node, askHub);
    const found = all.filter(({ id }) => only === null || id === only);
    const ailment = found.find(({ id }) => repairs.every((repair) => repair.id !== id));
    if (ailment === undefined) return repairs;
    const { id, reason, evidence, would, advice, repair, isToBeNamed = false } = ailment;
    const about = { id, reason, evidence, would };
    if (repair === null || (isToBeNamed && only === null))
      repairs.push({ ...about, state: 'nothing', lines: [], backup: null, next: advice });
    else if (!apply) repairs.push({ ...about, state: 'would', lines: [], backup: null, next: null });
    else if (CHANGES_ROWS.has(id) && all.some((each) => each.id === INDEX)) {
      const next = `Run: satchel claude-mem repair ${INDEX} --yes`;
      repairs.push({
        ...about,
        state: 'blocked',
        lines: ['the full-text index has to be repaired before: rows that it does not know cannot be changed'],
        backup: null,
        next,
      });
    } else {
      const folder = await makeBackups(node, id);
      const done = await (COPIES_FILES.has(id) ? withoutOwn(node, () => repair(folder)) : repair(folder));
      if (done.type === 'blocked') repairs.push({ ...about, state: 'blocked', lines: [done.reason], backup: null, next: done.next });
      else
        repairs.push({
          ...about,
          state: 'done',
          lines: [...done.lines, ...(await takeIn(node, done.rescued, done.beside ?? [], done.isOther ?? false))],
          backup: done.backup,
          next: null,
        });
    }
  }
}

async function takeIn(node: SatchelNode, rescued: readonly string[], beside: readonly string[], isOther: boolean): Promise<string[]> {
  const lines: string[] = [];
  const copies = [
    ...rescued.map((file) => ({ file, as: isOther ? ('other' as const) : ('going-on' as const) })),
    ...beside.map((file) => ({ file, as: 'beside' as const })),
  ];
  for (const { file, as } of copies) {
    const { changes, carried } = await takeInRows(node, file, as);
    await noteLeftRows(node, file, carried, as !== 'going-on');
    if (changes === null) lines.push(`No space takes its rows now: they are in ${file}.`);
    else if (as === 'beside')
      lines.push(`${counted(changes, 'row')} of what stands at its name ${was(changes)} new, and ${is(changes)} in the space.`);
    else lines.push(`${counted(changes, 'row')} of it ${was(changes)} new, and ${is(changes)} in the space.`);
  }
  return copies.length === 0 ? lines : [...lines, ...(await putLeft(node))];
}

const was = (count: number): string => (count === 1 ? 'was' : 'were');
const is = (count: number): string => (count === 1 ? 'is' : 'are');

/** What goes to no space goes into the database at once, where that is there already; else it is said where it is, and what brings it back. */
async function putLeft(node: SatchelNode): Promise<string[]> {
  const folder = node.config.environment.claudeMemHome;
  const file = path.join(folder, 'claude-mem.db');
  // Not opened now: `doctor` says it when the worker was started again.
  if (mixedUnder(file) !== null) return [];
  const [left] = await findLeftRows(node, file, await readSyncPath(node.home, folder));
  const done = (await left?.repair?.(await makeBackups(node, 'left-rows'))) ?? null;
  if (left === undefined || done === null) return [];
  if (done.type === 'done') return [...done.lines];
  return [`${capital(left.reason)}: ${done.reason}. Then: satchel claude-mem repair left-rows --yes`];
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
