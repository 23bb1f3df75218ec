import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandSpec } from './frame-command.ts';
import { printable } from './output-style.ts';
import { cutMiddle } from './cut-middle.ts';
import { renderTable } from './output-table.ts';

/** Of a name in the table. */
const WIDTH = 40;

const list = defineCommand({
  summary: 'List the leases that are held on this node',
  examples: ['satchel leases'],
  notes:
    'Long names are cut in the middle; release takes them whole, or as they are shown.\nJSON: {leases: [{name, known_as (where people here call it otherwise), holder, generation, expires_at}]}.',
  async run(context) {
    const result = await askNode(context, 'leases', {});
    const rows = result.leases.map((lease) => [
      cutMiddle(lease.known_as ?? lease.name, WIDTH),
      cutMiddle(lease.holder, WIDTH),
      lease.generation,
      lease.expires_at,
    ]);
    const columns = [{ title: 'NAME' }, { title: 'HOLDER' }, { title: 'GENERATION', align: 'right' as const }, { title: 'EXPIRES' }];
    return { human: rows.length === 0 ? 'No leases are held.' : renderTable(columns, rows, context.style.dim), json: result };
  },
});

const release = defineCommand({
  summary: 'Take a lease from its holder, who learns it at the next renewal',
  arguments: { name: { summary: 'the lease, as satchel leases shows it', required: true } },
  examples: ['satchel leases release claude-mem/worker'],
  notes: 'JSON: {name, holder}.',
  async run(context) {
    const result = await askNode(context, 'lease-release', { name: await asHeld(context, context.args.name) });
    return { human: `Released ${printable(result.name)}, which ${printable(result.holder)} held.`, json: result };
  },
});

/** A name as the table shows it, whole again where only one lease can be meant. */
async function asHeld(context: CommandContext, name: string): Promise<string> {
  if (!name.includes('…')) return name;
  const { leases } = await askNode(context, 'leases', {});
  const meant = leases.filter((lease) => lease.name !== name && cutMiddle(lease.known_as ?? lease.name, WIDTH) === name);
  if (meant.length < 2) return meant[0]?.name ?? name;
  throw new CommandFailure(EXIT.usage, 'ambiguous-lease', `several leases are shown as ${printable(name)}`, {
    next: 'Give the whole name: satchel leases --json',
  });
}

export const leasesCommand: CommandSpec = { summary: 'Named locks on this node.', verbs: { list, release }, bare: 'list' };
