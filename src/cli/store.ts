import path from 'node:path';
import type { OperationOutput } from '../node/operations/table.ts';
import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult, type CommandSpec } from './frame-command.ts';
import { formatBytes, printable } from './output-style.ts';
import { migrateVerb } from './store-migrate.ts';
import { restoreVerb } from './store-restore.ts';

const sizes = defineCommand({
  summary: 'What is kept here, by space',
  examples: ['satchel store'],
  notes:
    'Items are counted as satchel status does; what Satchel notes for itself (answers to pending, where projects are) is said behind them. Encrypted bodies are all that lie here, those of the history too; satchel store verify counts those that must be here.\nJSON: {path, database_bytes, index_bytes, spaces: [{space, name, records, items, own_items, objects, object_bytes, current_bytes}]}.',
  async run(context): Promise<CommandResult> {
    const found = await askNode(context, 'storeSizes', {});
    const lines = [`${found.path}: records and names ${formatBytes(found.database_bytes)}`];
    if (found.index_bytes > 0) lines[0] += `; index of search ${formatBytes(found.index_bytes)}`;
    for (const space of found.spaces) {
      const name = space.name === null ? `${space.space.slice(0, 8)} (kept for others)` : printable(space.name);
      const bodies = `${counted(space.objects, 'encrypted body', 'encrypted bodies')} here, ${formatBytes(space.object_bytes)}`;
      const split =
        space.current_bytes === null
          ? ''
          : ` (current ${formatBytes(space.current_bytes)}, history ${formatBytes(space.object_bytes - space.current_bytes)})`;
      const own = space.own_items === 0 ? '' : ` (and ${space.own_items} that Satchel notes for itself)`;
      lines.push(`${name}: ${counted(space.records, 'record')}, ${counted(space.items, 'item')}${own}, ${bodies}${split}`);
    }
    return { human: lines.join('\n'), json: found };
  },
});

function whatGoes({ bodies, bytes }: { readonly bodies: number; readonly bytes: number }): string {
  return `${bodies} superseded ${bodies === 1 ? 'body' : 'bodies'}, about ${formatBytes(bytes)}`;
}

const prune = defineCommand({
  summary: 'Drop superseded bodies everywhere; records and what is current stay',
  options: {
    olderThan: {
      type: 'number',
      value: 'DAYS',
      summary: 'only bodies that were superseded so long ago, as this machine saw it',
      min: 0,
      max: 100_000,
    },
    keep: {
      type: 'number',
      value: 'N',
      summary: 'newest versions of each item that stay whatever their age (default 1)',
      min: 1,
      max: 1_000_000,
    },
    dryRun: { type: 'flag', summary: 'say what would go, and change nothing' },
    yes: { type: 'flag', summary: 'do not ask' },
    space: { type: 'text', value: 'SPACE', summary: 'which space (default: your personal one)' },
  },
  examples: [
    'satchel store prune --older-than 90 --dry-run',
    'satchel store prune --older-than 90 --keep 3',
    'satchel store prune --older-than 90 --yes',
  ],
  notes:
    'Only an owner of the space may. This cannot be undone: it says first what would go, and asks; without a terminal, or with --json, it wants --yes. Open conflicts, and what any machine still needs for merging, stay. Bodies that share their place with a current one stay until that goes.\nJSON: {bodies, bytes, objects, pruned}.',
  async run(context): Promise<CommandResult> {
    const { olderThan, keep, dryRun, yes, space } = context.options;
    if (olderThan === undefined) {
      throw new CommandFailure(EXIT.usage, 'usage', 'say how old: --older-than DAYS', {
        next: `See first: ${context.again({ olderThan: 90, dryRun: true, yes: false })}`,
      });
    }
    const policy = { older_than_days: olderThan, ...(keep === undefined ? {} : { keep }), ...(space === undefined ? {} : { space }) };
    if (!dryRun && !yes) {
      const plan = await askNode(context, 'prune', { ...policy, plan: true });
      if (plan.objects === 0) return { human: 'Nothing to drop', json: plan };
      const answer = await context.ask(`Drop on all machines, for ever: ${whatGoes(plan)}. Go on? [y/N] `);
      if (answer === null)
        throw new CommandFailure(EXIT.usage, 'unconfirmed', 'this cannot be undone, and there is no terminal to ask', {
          next: `Run: ${context.again({ yes: true })}; to see first what would go: ${context.again({ dryRun: true })}`,
        });
      if (!/^y(es)?$/i.test(answer.trim())) return { human: 'Nothing was dropped', json: plan };
    }
    const found = await askNode(context, 'prune', { ...policy, plan: dryRun });
    const human = found.objects === 0 ? 'Nothing to drop' : `${found.pruned ? 'Dropped' : 'Would drop'} ${whatGoes(found)}`;
    return { human, json: found };
  },
});

const verify = defineCommand({
  summary: 'Check database, logs, state and bodies; exit 1 where something is damaged',
  options: {
    readData: { type: 'flag', summary: 'read and decrypt every current body' },
    full: { type: 'flag', summary: 'and all history that is here, against what its authors signed' },
  },
  examples: ['satchel store verify', 'satchel store verify --read-data', 'satchel store verify --full --json'],
  notes:
    'What is missing or damaged here is fetched from the remote where it has it. With --read-data, what the remote lacks of what is current, and this machine has, is brought there again, and with --full what it lacks of all history; where the log is kept, what is lost is wanted of its machines, which bring it as they sync. It looks for the bodies that must be here: of what is current and not sent yet, where the log is kept all that it names; with --full for all of the history. satchel store counts whatever lies here.\nJSON: {sound, store: "sqlite"|"postgres", database: […], spaces: [{space, name, kept_here, records, objects, read, healed, brought, lost, corrupt, problems: […], notes: […]}]}.',
  async run(context): Promise<CommandResult> {
    const depth = context.options.full ? 'full' : context.options.readData ? 'data' : 'names';
    const found = await askNode(context, 'verify', { depth });
    const { style } = context;
    const lines = found.database.map((line) => style.red(`database: ${line}`));
    for (const space of found.spaces) {
      const name = space.name === null ? space.space.slice(0, 8) : printable(space.name);
      const read = depth === 'names' ? '' : `, ${space.read} read`;
      const healed = space.healed === 0 ? '' : `, ${space.healed} fetched anew from the remote`;
      const brought = space.brought === 0 ? '' : `, ${space.brought} brought to the remote again`;
      const which = depth === 'full' ? 'with all history' : 'that must be here';
      const bodies = `${counted(space.objects, 'encrypted body', 'encrypted bodies')} ${which}`;
      lines.push(`${name}: ${counted(space.records, 'record')}, ${bodies}${read}${healed}${brought}`);
      lines.push(...space.problems.map((line) => style.red(`  ${printable(line)}`)), ...space.notes.map((line) => `  ${printable(line)}`));
    }
    lines.push(found.sound ? soundLine(depth, context) : style.red(context.asCalled(`Something is damaged. ${remedy(found, depth)}`)));
    return { human: lines.join('\n'), json: found, exit: found.sound ? EXIT.ok : EXIT.failed };
  },
});

type Depth = 'names' | 'data' | 'full';

/** What was not looked at is not sound for that. */
function soundLine(depth: Depth, { asCalled }: CommandContext): string {
  if (depth !== 'names') return 'Everything is sound.';
  return asCalled(
    'Everything that was looked at is sound. Bodies were looked up, and not read; to read them too: satchel store verify --read-data',
  );
}

function remedy({ store, database, spaces }: Pick<OperationOutput<'verify'>, 'store' | 'database' | 'spaces'>, depth: Depth): string {
  if (database.length > 0 || spaces.some(({ corrupt }) => corrupt))
    return store === 'postgres'
      ? 'Restore the database from a backup of its own; what was appended since the machines bring again: satchel spaces move --help'
      : 'Keep this folder, and restore a backup beside it: satchel store restore FILE; or join again from another machine: satchel join';
  if (spaces.some(({ kept_here: isKept, lost }) => isKept && lost > 0))
    return 'Machines of the space that have these bodies bring them again: those that run do so now, others with their next satchel sync. Then run here: satchel store verify --read-data';
  // Of the history a machine looks at the remote for nothing less.
  return `On a machine that has them, run: satchel store verify ${depth === 'full' ? '--full' : '--read-data'}; that brings them to the remote. Then run the same here`;
}

const backup = defineCommand({
  summary: 'Write everything that is kept here into one encrypted file, while the node runs',
  arguments: { file: { summary: 'where to; it must not exist yet', required: true } },
  options: { to: { type: 'list', value: 'AGE1…', summary: 'a further age recipient that may open it' } },
  examples: ['satchel store backup /media/stick/satchel.age'],
  notes:
    'Encrypted for your recovery key and for this machine’s own key (age). Holds this machine’s keys too: keep it as safe as the recovery key.\nJSON: {file, bytes, objects, recipients, damaged, recovery: "shown"|"unshown"|null (no recovery key opens it)}.',
  async run(context): Promise<CommandResult> {
    const made = await askNode(context, 'backup', { file: path.resolve(context.args.file), to: [...context.options.to] });
    const lines = [`${made.file}: ${formatBytes(made.bytes)}, ${made.objects} encrypted bodies`, ...openedBy(context, made.recovery)];
    if (made.damaged > 0)
      lines.push(
        context.style.red(
          context.asCalled(`${made.damaged} bodies are damaged here and are not in it. Run: satchel store verify --read-data`),
        ),
      );
    return { human: lines.join('\n'), json: made, exit: made.damaged > 0 ? EXIT.failed : EXIT.ok };
  },
});

/** A key that nobody has on paper is lost with this machine, and so is what only it opens. */
export function openedBy(
  { asCalled, style }: Pick<CommandContext, 'asCalled' | 'style'>,
  recovery: OperationOutput<'backup'>['recovery'],
): string[] {
  if (recovery === null) return [asCalled('Whom you named can open it, and this machine: satchel store restore')];
  if (recovery === 'shown') return [asCalled('Your recovery key opens it: satchel store restore')];
  return [
    style.yellow('Your recovery key was never written down: once this machine is lost, nothing opens this file but keys that you named.'),
    style.yellow(asCalled('Run: satchel keys recovery')),
  ];
}

const reindex = defineCommand({
  summary: 'Make the index of `satchel search` anew: only where a search seems to miss something',
  examples: ['satchel store reindex'],
  notes: 'The index is made of what is here, and can be deleted at any time. JSON: {items, bytes, unsearched}.',
  longRunning: true,
  async run(context): Promise<CommandResult> {
    const made = await askNode(context, 'reindex', {});
    const left = made.unsearched === 0 ? '' : `; ${counted(made.unsearched, 'body is', 'bodies are')} not here and cannot be had now`;
    return { human: `The index holds ${counted(made.items, 'item')}, ${formatBytes(made.bytes)}${left}.`, json: made };
  },
});

export const storeCommand: CommandSpec = {
  summary: 'What is kept on this machine.',
  verbs: { sizes, backup, restore: restoreVerb, verify, prune, migrate: migrateVerb, reindex },
  bare: 'sizes',
};
