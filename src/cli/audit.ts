import { askNode } from './ask-node.ts';
import { defineCommand, type CommandSpec } from './frame-command.ts';
import { renderTable } from './output-table.ts';
import { shownTime } from './shown-time.ts';

const list = defineCommand({
  summary: 'Who changed what in a space’s membership, keys and home; void records with the reason',
  options: { space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' } },
  examples: ['satchel audit', 'satchel audit --json'],
  notes:
    'These records carry no time: shown is that of the next change behind them. Their numbers are what counts.\nJSON: {space, name, entries: [{position, term, op, by, by_id, what, known_by, void}]}.',
  async run(context) {
    const { space } = context.options;
    const result = await askNode(context, 'audit', space === undefined ? {} : { space });
    const rows = result.entries.map((entry) => [
      entry.position,
      entry.known_by === null ? '' : shownTime(entry.known_by, context.clock.now()),
      entry.by,
      entry.void === null ? entry.what : { text: `VOID: ${entry.what} (${entry.void})`, style: context.style.yellow },
    ]);
    const columns = [{ title: 'RECORD', align: 'right' as const }, { title: 'NO LATER THAN' }, { title: 'WHO' }, { title: 'WHAT' }];
    return { human: renderTable(columns, rows, context.style.dim), json: result };
  },
});

export const auditCommand: CommandSpec = {
  summary: 'The control records of a space as a readable history.',
  verbs: { list },
  bare: 'list',
};
