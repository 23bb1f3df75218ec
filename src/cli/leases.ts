import { askNode } from './ask-node.ts';
import { defineCommand, type CommandSpec } from './frame-command.ts';
import { printable } from './output-style.ts';
import { renderTable } from './output-table.ts';

const list = defineCommand({
  summary: 'List the leases that are held on this node',
  examples: ['satchel leases'],
  notes: 'JSON: {leases: [{name, holder, generation, expires_at}]}.',
  async run(context) {
    const result = await askNode(context, 'leases', {});
    const rows = result.leases.map((lease) => [lease.name, lease.holder, lease.generation, lease.expires_at]);
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
    const result = await askNode(context, 'lease-release', { name: context.args.name });
    return { human: `Released ${printable(result.name)}, which ${printable(result.holder)} held.`, json: result };
  },
});

export const leasesCommand: CommandSpec = { summary: 'Named locks on this node.', verbs: { list, release }, bare: 'list' };
