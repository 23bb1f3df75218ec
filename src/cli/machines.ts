import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandSpec } from './frame-command.ts';
import { printable } from './output-style.ts';
import { renderTable } from './output-table.ts';
import { shownTime } from './shown-time.ts';

const spaceOption = { type: 'text', value: 'SPACE', summary: 'only in this space (default: all, or the personal one)' } as const;
const machineArgument = { summary: 'its name, or the beginning of its id', required: true } as const;

const list = defineCommand({
  summary: 'List the machines of your spaces',
  options: {
    space: spaceOption,
    words: { type: 'flag', summary: 'show each key as eight words, to compare with that machine’s `satchel keys`' },
  },
  examples: ['satchel machines', 'satchel machines --words'],
  notes:
    'JSON: {machines: [{space, id, name, words, role, here, since_position, since, last_position, last_seen}], accounts: [{id, since}]}.',
  async run(context) {
    const { space, words } = context.options;
    const result = await askNode(context, 'machines', space === undefined ? {} : { space });
    const rows = result.machines.map((m) => [
      m.name + (m.here ? ' (here)' : ''),
      words ? m.words : m.id.slice(0, 12),
      m.role,
      m.space,
      m.since === null ? '?' : shownTime(m.since, context.clock.now()),
      m.last_seen === null ? (m.last_position === null ? 'nothing yet' : '?') : shownTime(m.last_seen, context.clock.now()),
    ]);
    const columns = ['NAME', words ? 'KEY' : 'ID', 'ROLE', 'SPACE', 'SINCE', 'LAST WROTE'].map((title) => ({ title }));
    const parts = rows.length === 0 ? [] : [renderTable(columns, rows, context.style.dim)];
    if (result.accounts.length > 0) {
      const accounts = result.accounts.map((account) => [account.id.slice(0, 12), shownTime(account.since, context.clock.now())]);
      parts.push(renderTable([{ title: 'MAY KEEP SPACES HERE' }, { title: 'SINCE' }], accounts, context.style.dim));
    }
    return {
      human: parts.length === 0 ? context.asCalled('No machines yet. Run: satchel up, or satchel join') : parts.join('\n\n'),
      json: result,
    };
  },
});

const revoke = defineCommand({
  summary: 'Remove a machine and begin new keys that it does not get',
  arguments: { machine: machineArgument },
  options: { space: spaceOption, yes: { type: 'flag', summary: 'do not ask' } },
  examples: ['satchel machines revoke old-laptop', 'satchel machines revoke 3f9c20 --yes'],
  notes:
    'Its keys open nothing that is written from then on; its own files stay where it is. JSON: {machine, id, revoked: [{space, epoch}], not_owned, shared_storage}.',
  async run(context) {
    const { space, yes } = context.options;
    // What is none, or several, is refused before anything is asked.
    const meant = yes ? null : await theOne(context, context.args.machine, space);
    if (meant !== null) {
      const answer = await context.ask(
        `Revoking ${meant} protects what is written from now on. What it could read, it may have kept: change passwords and\ntokens that stand in it. Revoke ${meant}? [y/N] `,
      );
      if (answer === null)
        throw new CommandFailure(EXIT.usage, 'usage', 'there is no terminal to ask on', {
          next: `Run: ${context.again({ yes: true })}`,
        });
      if (!/^\s*y/i.test(answer))
        return {
          human: 'Nothing was changed.',
          json: { machine: context.args.machine, id: null, revoked: [], not_owned: [], shared_storage: [] },
        };
    }
    const result = await askNode(context, 'machine-revoke', { machine: context.args.machine, ...(space === undefined ? {} : { space }) });
    const lines = [
      `Revoked ${printable(result.machine)}${result.revoked.map((r) => `\n  ${printable(r.space)}: a new key begins, number ${r.epoch}`).join('')}`,
    ];
    if (result.revoked.length > 0) lines.push('It reads and writes nothing new there. What it has read by now it may keep.');
    for (const other of result.not_owned)
      lines.push(context.style.yellow(`It is still in ${printable(other)}, which this machine does not own.`));
    for (const place of result.shared_storage)
      lines.push(
        context.style.yellow(
          `${printable(place)} is shared storage: whoever can write there can still damage it. Take that access away too (of a bucket: new credentials for the others).`,
        ),
      );
    return { human: lines.join('\n'), json: result };
  },
});

/** One machine by its name or the beginning of its id, described; `null` where there is none, or several. */
async function theOne(context: CommandContext, text: string, space: string | undefined): Promise<string | null> {
  const { machines } = await askNode(context, 'machines', space === undefined ? {} : { space });
  const wanted = text.toLowerCase();
  const named = machines.filter(({ name }) => [wanted, `${wanted} (left)`].includes(name.toLowerCase()));
  const found = named.length > 0 ? named : machines.filter(({ id }) => wanted.length >= 6 && id.startsWith(wanted));
  const [one] = found;
  if (one === undefined || found.some(({ id }) => id !== one.id)) return null;
  return `${printable(one.name)} (${one.id.slice(0, 12)})`;
}

const role = defineCommand({
  summary: 'Change what a machine may do',
  arguments: { machine: machineArgument, role: { summary: 'reader, writer or owner', required: true } },
  options: { space: spaceOption },
  examples: ['satchel machines role build-server reader'],
  notes:
    'A reader gets everything and sends nothing; a writer sends too; an owner also invites and revokes. JSON: {machine, space, role, changed}.',
  async run(context) {
    const wanted = (['reader', 'writer', 'owner'] as const).find((each) => each === context.args.role);
    if (wanted === undefined) throw new CommandFailure(EXIT.usage, 'usage', 'a role is reader, writer or owner');
    const { space } = context.options;
    const result = await askNode(context, 'machine-role', {
      machine: context.args.machine,
      role: wanted,
      ...(space === undefined ? {} : { space }),
    });
    return {
      human: `${printable(result.machine)} ${result.changed ? 'is now' : 'was already'} ${result.role} of ${printable(result.space)}.`,
      json: result,
    };
  },
});

const rename = defineCommand({
  summary: 'Change what a machine is called',
  arguments: { machine: machineArgument, name: { summary: 'its new name', required: true } },
  examples: ['satchel machines rename localhost "work laptop"'],
  notes: 'JSON: {before, name, spaces, not_owned}.',
  async run(context) {
    const result = await askNode(context, 'machine-rename', { machine: context.args.machine, name: context.args.name });
    const lines = [`${printable(result.before)} is called ${printable(result.name)} now.`];
    for (const other of result.not_owned)
      lines.push(context.style.yellow(`${printable(other)} still shows the old name: only an owner there can change it.`));
    return { human: lines.join('\n'), json: result };
  },
});

export const machinesCommand: CommandSpec = {
  summary: 'The machines of your spaces.',
  verbs: { list, revoke, role, rename },
  bare: 'list',
};
