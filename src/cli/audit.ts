import { askNode } from './ask-node.ts';
import { defineCommand, type CommandSpec } from './frame-command.ts';
import { renderTable } from './output-table.ts';
import { shownTime } from './shown-time.ts';

const list = defineCommand({
  summary: 'Who changed what in a space’s membership, keys and home; void records with the reason',
  options: { space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' } },
  examples: ['satchel audit', 'satchel audit --json'],
  notes:
    'These records carry no time. Shown is between which two changes they came, by the clocks of those who made these; behind the last change, after which. Their numbers are what counts.\nJSON: {space, name, entries: [{position, term, op, by, by_id, what, known_by, known_after, void}]}.',
  async run(context) {
    const { space } = context.options;
    const result = await askNode(context, 'audit', space === undefined ? {} : { space });
    const rows = result.entries.map((entry) => [
      entry.position,
      whenText(entry, context.clock.now()),
      entry.by,
      entry.void === null ? entry.what : { text: `VOID: ${entry.what} (${entry.void})`, style: context.style.yellow },
    ]);
    const columns = [{ title: 'RECORD', align: 'right' as const }, { title: 'WHEN' }, { title: 'WHO' }, { title: 'WHAT' }];
    return { human: renderTable(columns, rows, context.style.dim), json: result };
  },
});

/** `05:20 – 05:34`: behind a change of the one time, and before one of the other. */
export function whenText(
  { known_after: after, known_by: by }: { readonly known_after: string | null; readonly known_by: string | null },
  now: number,
): string {
  if (by === null) return after === null ? '' : `after ${shownTime(after, now)}`;
  const last = shownTime(by, now);
  // Clocks of two machines may tell it the wrong way round.
  if (after === null || after > by) return `by ${last}`;
  const first = shownTime(after, now);
  return first === last ? first : `${first} – ${last}`;
}

export const auditCommand: CommandSpec = {
  summary: 'The control records of a space as a readable history.',
  verbs: { list },
  bare: 'list',
};
