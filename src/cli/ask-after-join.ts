import type { OperationInput, OperationName, OperationOutput } from '../node/operations/table.ts';
import type { PendingEntry } from '../node/pending/pending-entry.ts';
import { firstApplyLines } from './answer-pending.ts';
import { lackingWords, writtenBy, type Conflict } from './conflicts.ts';
import { counted } from '../node/counted.ts';
import type { CommandContext } from './frame-command.ts';
import { printable } from './output-style.ts';
import { describeChanges, describePending } from './pending.ts';

/** How the command that joined asks its node. */
export type Ask = <N extends OperationName>(name: N, input: OperationInput<N>) => Promise<OperationOutput<N>>;

export interface Skip {
  readonly trust: boolean;
  /** What still waits is said by whoever goes on. */
  readonly count?: boolean;
}

const TRUST = `
Skills, agents, commands, hooks and MCP servers can run programs here. Each one that another of your machines wrote waits
until you have looked at it and said yes (satchel pending, satchel approve). With a yes now they are put in place unasked,
from all machines of yours: less to answer; but whoever takes over one of them can then run programs on this one.
You can change it at any time: satchel approve --trust-own, satchel reject --trust-own.
Put in place unasked what your own machines write? [y/N] `;

/**
 * The questions of a machine that just joined, on a terminal: whether to trust one's own machines, and the first apply
 * onto files of one's own. Without a terminal both wait, and the lines that are printed say how to answer. Gives whether
 * an approval or a conflict is open then.
 */
export async function askAfterJoin(context: CommandContext, ask: Ask, skip: Skip): Promise<boolean> {
  if (!skip.trust && isYes(await context.ask(context.asCalled(TRUST)))) await ask('answer-pending', { answer: 'approve', trust_own: true });
  let isConflict = false;
  for (const entry of (await ask('pending', {})).pending.filter(isFirstApply))
    isConflict = (await askFirst(context, ask, entry)) || isConflict;
  const { pending, missing_values: missing } = await ask('pending', {});
  const left = pending.filter(({ rejected }) => !rejected).length;
  for (const { id, title } of pending.filter(isFirstApply)) {
    const shown = id.slice(0, 8);
    context.print(
      `Nothing was put in place in ${printable(title)} yet, since it would change files of yours. To see what: satchel pending ${shown}. To go ahead: satchel approve ${shown}`,
    );
  }
  if (left > 0 && skip.count !== true) context.print(waitingLine(left));
  const lacking = missing.filter(({ waiting }) => !waiting).map(({ title }) => printable(title));
  if (lacking.length > 0)
    context.print(
      `${lacking.join(', ')}: not whole here, for want of secret values, which stay on their machine. How to give them: satchel status`,
    );
  return left > 0 || isConflict;
}

export function waitingLine(count: number): string {
  return `${counted(count, 'thing waits', 'things wait')} for your answer. Run: satchel pending`;
}

function isFirstApply({ type, rejected }: PendingEntry): boolean {
  return type === 'first-apply' && !rejected;
}

/** The first apply onto files of one's own, as often as it takes to decide. Gives whether it left a conflict open. */
async function askFirst(context: CommandContext, ask: Ask, waiting: PendingEntry): Promise<boolean> {
  let entry: PendingEntry | undefined = waiting;
  for (const line of describePending(context, waiting)) context.print(line);
  while (entry !== undefined) {
    const conflicts = await conflictsIn(ask, entry);
    const choose = conflicts.length === 0 ? '' : ', [c]hoose file by file';
    const answer = (await context.ask(`Go ahead? [y]es, show the [d]iff${choose}, [N]ot now: `))?.trim().toLowerCase();
    if (answer === 'd' || answer === 'diff') {
      const shown = await ask('pending-show', { id: entry.id });
      if (shown.changes.length === 0) context.print('No file of yours changes: all of it is new.');
      for (const line of describeChanges(context, shown)) context.print(line);
    } else if (conflicts.length > 0 && (answer === 'c' || answer === 'choose')) {
      for (const conflict of conflicts) await chooseOne(context, ask, conflict);
      // What would be written is another thing now, and has another id.
      entry = await stillWaiting(ask, entry);
      for (const line of entry === undefined ? [] : describePending(context, entry)) context.print(line);
    } else {
      if (answer !== 'y' && answer !== 'yes') return false;
      const answered = await ask('answer-pending', { answer: 'approve', ids: [entry.id] });
      for (const line of firstApplyLines(context, answered)) context.print(line);
      return answered.conflicts > 0;
    }
  }
  return false;
}

async function conflictsIn(ask: Ask, { items }: PendingEntry): Promise<Conflict[]> {
  const names = new Set(items.map(({ item }) => item));
  return (await ask('conflicts', {})).conflicts.filter(({ item }) => names.has(item));
}

async function chooseOne(context: CommandContext, ask: Ask, conflict: Conflict): Promise<void> {
  const lacks = conflict.lacks === null ? '' : `. Of theirs yours lacks ${lackingWords(conflict.lacks)}`;
  context.print(
    `${printable(conflict.item)}: yours is ${writtenBy(context, conflict)}; theirs is ${writtenBy(context, conflict.current)}${lacks}`,
  );
  const answer = (await context.ask('Which one, on all machines? [m]ine, [t]heirs, Enter leaves it open: '))?.trim().toLowerCase() ?? '';
  if (answer === '' || !'mt'.includes(answer[0] ?? '')) return;
  const take = answer.startsWith('m') ? 'sibling' : 'current';
  await ask('resolve', { item: conflict.item, take, sibling: conflict.sibling });
}

async function stillWaiting(ask: Ask, { path }: PendingEntry): Promise<PendingEntry | undefined> {
  return (await ask('pending', {})).pending.find((entry) => isFirstApply(entry) && entry.path === path);
}

export function isYes(answer: string | null): boolean {
  return answer !== null && /^\s*y/i.test(answer);
}
