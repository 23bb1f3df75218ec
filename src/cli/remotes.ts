import { shellWord } from '../config/private-file.ts';
import { parseRemoteAddress } from '../remotes/drivers.ts';
import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandSpec } from './frame-command.ts';
import { printable } from './output-style.ts';
import { renderTable } from './output-table.ts';

/** What was typed → address. Paths are taken from this command's folder, not from the node's. */
export function remoteArgument(text: string): string {
  const parsed = parseRemoteAddress(text);
  if (!parsed.ok) throw new CommandFailure(EXIT.usage, 'bad-address', parsed.error);
  return parsed.value.text;
}

const list = defineCommand({
  summary: 'List the remotes that this machine knows',
  examples: ['satchel remotes'],
  notes: 'JSON: {remotes: [{address, driver, here, home_of}]}.',
  async run(context) {
    const result = await askNode(context, 'remotes', {});
    const rows = result.remotes.map((r) => [
      r.address + (r.here === null ? '' : ` (${r.here} here)`),
      r.driver,
      r.home_of.join(', ') || '-',
    ]);
    const columns = [{ title: 'ADDRESS' }, { title: 'DRIVER' }, { title: 'HOME OF' }];
    return {
      human:
        rows.length === 0
          ? context.asCalled('No remotes yet. Run: satchel remotes add FOLDER, or satchel remotes add --help')
          : renderTable(columns, rows, context.style.dim),
      json: result,
    };
  },
});

const add = defineCommand({
  summary: 'Make a folder, a bucket or a git repository a remote, or a hub known by its invitation',
  arguments: {
    remote: {
      summary:
        'a folder’s path (a stick, a share), a bucket’s address, a git repository’s, or the link of `satchel invite --hub`; `-` reads it',
      required: true,
    },
  },
  options: {
    as: { type: 'text', value: 'ADDRESS', summary: 'what other machines call this folder, where they have it at another path' },
    batch: {
      type: 'number',
      value: 'SECONDS',
      summary: 'a new bucket’s interval, for all its machines: small changes of one go so far apart, and looks for news (default 2)',
      min: 1,
      max: 600,
    },
  },
  examples: [
    'satchel remotes add /media/stick/satchel',
    'satchel remotes add /Volumes/stick/satchel --as folder:/media/stick/satchel',
    'satchel remotes add "s3://bucket/satchel?endpoint=https://minio.example.org"',
    'satchel remotes add azure://account/container/satchel --batch 30',
    'satchel remotes add git@github.com:me/satchel.git',
  ],
  notes:
    'A folder must be there: one that is not may be a stick that is not plugged in. The folder or bucket is tried out: one that cannot compare and swap, or that a cloud client synchronises, is refused.\nWhat opens a bucket stands in ~/.satchel/buckets.json or in the environment (SATCHEL_S3_ACCESS_KEY_ID and\nSATCHEL_S3_SECRET_ACCESS_KEY; AZURE_STORAGE_KEY), never in its address.\nA git repository is reached by the git that is installed here, with its credential helpers and ssh: git+ssh://, git+https://, git+file:///.\nJSON: {address, made (false: it was a remote of this machine before), lost_home_of (spaces whose home it is, and whose logs are not there), batch_ms (a bucket’s interval, else null)}.',
  async run(context) {
    const given = context.args.remote === '-' ? (await context.readStdin(64 * 1024)).trim() : context.args.remote;
    const isLink = given.includes('#satchel1.');
    const { as, batch } = context.options;
    const result = await askNode(context, 'remote-add', {
      remote: isLink ? given : remoteArgument(given),
      ...(as === undefined ? {} : { as }),
      ...(batch === undefined ? {} : { batch_ms: batch * 1_000 }),
    });
    const pace =
      result.batch_ms === null ? '' : `Each machine sends small changes ${result.batch_ms / 1_000} s apart, and looks as often at most.\n`;
    const place = printable(result.address);
    const [lost] = result.lost_home_of;
    if (lost !== undefined) {
      const names = result.lost_home_of.map(printable).join(', ');
      const revive = `satchel spaces move ${shellWord(printable(lost))} ${shellWord(place)} --lost`;
      const said = context.asCalled(`To keep it there again, with all that this machine has: ${revive}`);
      return {
        human: `${place} is a remote.\n${context.style.yellow(`It is the home of ${names}, and nothing of that is there.`)}\n${said}`,
        json: result,
      };
    }
    return {
      human: `${printable(result.address)} is a remote${result.made ? '' : ', as it was'}.\n${pace}${context.asCalled('To keep a space there: satchel spaces move')} personal ${shellWord(printable(result.address))}`,
      json: result,
    };
  },
});

const remove = defineCommand({
  summary: 'Forget a remote that is no space’s home; what lies there stays',
  arguments: { remote: { summary: 'its address', required: true } },
  examples: ['satchel remotes remove /media/stick/satchel'],
  notes: 'JSON: {address}.',
  async run(context) {
    const result = await askNode(context, 'remote-remove', { remote: remoteArgument(context.args.remote) });
    return { human: `${printable(result.address)} is forgotten here. What lies there stays.`, json: result };
  },
});

export const remotesCommand: CommandSpec = {
  summary: 'Where logs may be kept: hubs, folders, buckets and git repositories.',
  verbs: { list, add, remove },
  bare: 'list',
};
