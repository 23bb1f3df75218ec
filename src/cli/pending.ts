import type { PendingShowResult } from '../node/operations/pending.ts';
import type { PendingChange, PendingEntry } from '../node/pending/pending-entry.ts';
import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { itemWord } from './item-word.ts';
import { missingLines } from './missing-lines.ts';
import { printable, printableText, type Style } from './output-style.ts';
import { shownTime } from './shown-time.ts';
import { unifiedDiff } from './unified-diff.ts';

const ITEMS_SHOWN = 12;

export const pendingCommand = defineCommand({
  summary: 'What waits for your answer: what could run programs here, mass deletions, first writes onto your own files',
  arguments: { id: { summary: 'show this entry with what it would change; its id, or the beginning of it' } },
  options: {
    diff: { type: 'flag', summary: 'show what each would change' },
    secrets: { type: 'flag', summary: 'show in a diff what looks like a secret, which is hidden otherwise' },
    rejected: { type: 'flag', summary: 'list what was rejected too' },
  },
  examples: ['satchel pending', 'satchel pending --diff', 'satchel pending 3f9a12cd'],
  notes:
    'What other machines wrote and could run programs here is put in place only after you approved exactly that content.\nExit 3 while something waits. JSON: {pending: [{id, type, path, title, what, machines, since, items: [{item, change, size}], rejected}], trust_own, missing_values: [{title, values, in_place, waiting, pointer, under, example, file}]};\nwith an ID: {entry, changes: [{item, before, after, unshown}], hidden_secrets}, where ‹secret 1› and so on stand for what looks like a secret.',
  async run(context): Promise<CommandResult> {
    if (context.args.id !== undefined) return show(context, context.args.id);
    const result = await askNode(context, 'pending', {});
    const open = result.pending.filter(({ rejected }) => !rejected);
    const rejected = context.options.rejected ? result.pending.filter((entry) => entry.rejected) : [];
    const lines: string[] = [];
    for (const entry of [...open, ...rejected]) {
      lines.push(...describePending(context, entry));
      if (context.options.diff) lines.push(...indented(await diffLines(context, entry.id)), '');
    }
    if (open.length === 0) lines.unshift('Nothing waits.');
    else lines.push(...(lines.at(-1) === '' ? [] : ['']), ...answers(context, open));
    if (result.trust_own)
      lines.push(
        '',
        context.asCalled('What your own machines write is put in place unasked. To be asked again: satchel reject --trust-own'),
      );
    const missing = missingLines(result.missing_values);
    if (missing.length > 0) lines.push('', ...missing);
    return { human: lines.join('\n'), json: result, exit: open.length > 0 ? EXIT.open : EXIT.ok };
  },
});

function answers({ asCalled, options }: CommandContext, open: readonly PendingEntry[]): string[] {
  const id = open[0]?.id.slice(0, 8);
  return [
    ...(options['diff'] === true ? [] : [asCalled(`What one changes: satchel pending ${id}    all of them: satchel pending --diff`)]),
    asCalled(`Put in place:     satchel approve ${id}    all of them: satchel approve --all`),
    asCalled(`Leave out:        satchel reject ${id}`),
    ...(open.some(({ type }) => type === 'first-apply')
      ? [asCalled('Where two versions could not be merged, keep your own by: satchel conflicts')]
      : []),
  ];
}

async function show(context: CommandContext, id: string): Promise<CommandResult> {
  const result = await askNode(context, 'pending-show', { id, secrets: context.options['secrets'] === true });
  const { entry } = result;
  const lines = [...describePending(context, entry), ...describeChanges(context, result)];
  return { human: lines.join('\n'), json: result, exit: entry.rejected ? EXIT.ok : EXIT.open };
}

async function diffLines(context: CommandContext, id: string): Promise<string[]> {
  return describeChanges(context, await askNode(context, 'pending-show', { id, secrets: context.options['secrets'] === true }));
}

function indented(lines: readonly string[]): string[] {
  return lines.flatMap((line) => line.split('\n')).map((line) => (line === '' ? '' : `    ${line}`));
}

/** What becomes of each item, as a diff, and what is hidden in it. */
export function describeChanges(context: CommandContext, { entry, changes, hidden_secrets: hidden }: PendingShowResult): string[] {
  const lines = changes.flatMap((change) => describeChange(context, change, entry));
  if (hidden === 0) return lines;
  const what = hidden === 1 ? 'What looks like a secret is' : `${hidden} different texts that look like secrets are`;
  return [...lines, '', context.asCalled(`${what} hidden. With them: satchel pending ${entry.id.slice(0, 8)} --secrets`)];
}

/** What becomes of one item, as a diff. */
function describeChange(
  { style, asCalled }: CommandContext,
  { item, before, after, unshown }: PendingChange,
  entry: PendingEntry,
): string[] {
  if (unshown !== null) return ['', style.bold(printable(item)), `  ${unshown}${asCalled(': satchel show')} ${itemWord(item)}`];
  const lines = unifiedDiff(before ?? '', after ?? '').map((line) => paint(line, style));
  const side = (what: string, text: string | null): string => (text === null ? 'nothing' : what);
  return [
    '',
    style.bold(`--- ${side('here now', before)}`),
    `${style.bold(`+++ ${side('after your approval', after)}`)}: ${printable(item === entry.path ? entry.title : item)}`,
    ...lines,
  ];
}

function paint(line: string, style: Style): string {
  const text = printableText(line);
  if (line.startsWith('+')) return style.green(text);
  return line.startsWith('-') ? style.red(text) : line.startsWith('@@') ? style.dim(text) : text;
}

/** An entry as lines for people. */
export function describePending(context: CommandContext, entry: PendingEntry): string[] {
  const { style, clock } = context;
  const from = entry.machines.length === 0 ? '' : `; from ${entry.machines.map(printable).join(', ')}`;
  const since = entry.since === null ? '' : `, ${shownTime(entry.since, clock.now())}`;
  const head = `${style.bold(entry.id.slice(0, 8))}  ${style.bold(printable(entry.title))}: ${printable(entry.what)}${from}${since}${entry.rejected ? ' (rejected)' : ''}`;
  const alone = entry.items.length === 1 && entry.path.startsWith(entry.items[0]?.item ?? '\0');
  const shown = alone
    ? []
    : entry.items.slice(0, ITEMS_SHOWN).map(({ item, change }) => `            ${change.padEnd(9)} ${printable(item)}`);
  if (!alone && entry.items.length > ITEMS_SHOWN) shown.push(`            and ${entry.items.length - ITEMS_SHOWN} more`);
  return [head, ...shown];
}
