import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { defineCommand } from './frame-command.ts';
import { printable } from './output-style.ts';

export const repairVerb = defineCommand({
  summary: 'Show what would be done about what wedges claude-mem here, and do it with --yes',
  arguments: {
    check: { summary: 'only this one, as satchel doctor names it: device-id, revisions, open-file, wal, schema, queue, doubles …' },
  },
  options: { yes: { type: 'flag', summary: 'do it; a copy of what is changed is made before' } },
  examples: ['satchel claude-mem repair', 'satchel claude-mem repair device-id --yes'],
  notes:
    'Exit 1 where something was found that could not be repaired, or cannot be by a program. Safe to repeat.\nJSON: {repairs: [{id, reason, evidence, would, state: "would"|"done"|"blocked"|"nothing", lines, backup (null: none), next}]}.',
  async run(context) {
    const result = await askNode(context, 'claude-mem-repair', { check: context.args.check ?? null, apply: context.options.yes });
    const { style, asCalled } = context;
    if (result.repairs.length === 0) return { human: 'There is nothing to repair.', json: result };
    const lines = result.repairs.flatMap(({ id, reason, evidence, would, state, lines: said, backup, next }) => [
      `${style.bold(id)}: ${reason}`,
      ...evidence.map((line) => `    ${style.dim(printable(line))}`),
      ...(state === 'would' ? would.map((line) => `  would ${line}`) : said.map((line) => `  ${printable(line)}`)),
      ...(backup === null ? [] : [`  What was there before: ${printable(backup)}`]),
      ...(next === null ? [] : [`  → ${asCalled(next)}`]),
    ]);
    const isOpen = result.repairs.some(({ state }) => state === 'would');
    if (isOpen) lines.push(asCalled(`Nothing was changed. To do it: ${context.again({ yes: true })}`));
    const isLeft = result.repairs.some(({ state }) => state === 'blocked' || state === 'nothing');
    return { human: lines.join('\n'), json: result, exit: isLeft ? EXIT.failed : EXIT.ok };
  },
});
