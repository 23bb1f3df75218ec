import { fallenLines } from '../node/fallen-status.ts';
import type { MnemeBrief, SourceStatus, SpaceStatus, Status } from '../node/operations/status.ts';
import type { Revocation } from '../node/revocation.ts';
import { isHeldBack, isLeftBehind, neverSentText } from '../node/operations/status-verdict.ts';
import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { itemWord } from './item-word.ts';
import { missingLines } from './missing-lines.ts';
import { saysClient } from './mneme-lines.ts';
import { formatBytes, printable } from './output-style.ts';
import { renderTable } from './output-table.ts';
import { shownAgo, shownTime } from './shown-time.ts';

/** Of things that may be many. */
const NAMED = 3;

export const statusCommand = defineCommand({
  summary: 'Whether everything is in sync, and if not why',
  options: { hub: { type: 'flag', summary: 'of the hub that runs here, for whoever keeps it running' } },
  examples: ['satchel status', 'satchel status --json', 'satchel status --hub'],
  notes:
    'The first line is the verdict on all spaces. Exit 0 in sync, 1 not syncing, 3 with open conflicts or something that waits for an answer.\nJSON: {verdict, in_sync, machine (null: never started here), running, address, hub, keeps: [{space, machines, records, bytes, last_seen}], mneme: {enabled, url, listening, problem, client} or null, claude_mem: {refused, problem, remedy} or null, left: [{space, name, at}] (spaces that this machine left, where it takes part in none), spaces: [{space, name, remote, position, words, items, …}]}.\nWith --hub: its store and disk, what it keeps, requests and failures of the last hour, the last backup, what is wrong and what to do. Exit 1 where something is wrong, 4 where no hub runs here.\nJSON: {well, address, public_url, version, pid, running_since, memory_bytes, metrics, store, spaces, requests, appends, live_listeners, last_backup, disk, checks}.',
  async run(context): Promise<CommandResult> {
    if (context.options.hub) return (await import('./hub-status.ts')).hubStatus(context);
    const status = await askStatus(context);
    const { style } = context;
    const verdict = printable(context.asCalled(status.verdict));
    const conflicts = status.spaces.reduce((sum, space) => sum + space.conflicts, 0);
    const pending = status.spaces.reduce((sum, space) => sum + space.pending, 0);
    const lines = [status.in_sync && conflicts + pending === 0 ? style.green(verdict) : style.yellow(verdict)];
    if (status.hub) lines.push(...keptLines(context, status.keeps));
    if (status.left.length > 0) lines.push(...leftLines(context, status.left));
    for (const space of status.spaces) lines.push(...describe(context, space));
    if (status.mneme !== null) lines.push(...mnemeLines(context, status.mneme));
    const placed = status.spaces.flatMap((space) => space.projects).filter(({ folder }) => folder !== null);
    if (placed.length > 0) {
      const named = placed.slice(0, NAMED).map(({ id, folder }) => `${printable(id)} in ${printable(folder ?? '')}`);
      const rest = placed.length > NAMED ? `, and ${placed.length - NAMED} more` : '';
      lines.push(style.dim(context.asCalled(`Projects on this machine: ${named.join(', ')}${rest}. See: satchel projects`)));
    }
    const elsewhere = status.spaces.flatMap((space) => space.projects_without_folder);
    if (elsewhere.length > 0) {
      const [first = ''] = elsewhere;
      const isOne = elsewhere.length === 1;
      const which = isOne ? `Project ${printable(first)} has` : `${elsewhere.length} projects (${printable(first)} …) have`;
      lines.push(
        style.dim(
          context.asCalled(
            `${which} no folder on this machine, so ${isOne ? 'its' : 'their'} sessions are not put in place here. See: satchel projects`,
          ),
        ),
      );
    }
    const secrets = status.spaces.reduce((sum, space) => sum + space.secrets, 0);
    if (secrets > 0)
      lines.push(
        style.dim(
          `${secrets} ${secrets === 1 ? 'item holds' : 'items hold'} what looks like a secret. ${context.asCalled('Which: satchel doctor')}`,
        ),
      );
    // What was left behind and lies on this disk alone has nowhere to be recovered from.
    if (status.spaces.some((space) => space.recovery_unshown && !(isLeftBehind(space.name) && space.remote === null)))
      lines.push(style.yellow(context.asCalled('The recovery key was never written down. Run: satchel keys recovery')));
    const exit = status.spaces.some(isHeldBack)
      ? EXIT.refused
      : conflicts + pending > 0
        ? EXIT.open
        : status.in_sync || /^(?:Sending|Connecting) /.test(status.verdict)
          ? EXIT.ok
          : EXIT.failed;
    return { human: lines.join('\n'), json: status, exit };
  },
});

/** A machine without a node yet has a verdict too. */
async function askStatus(context: CommandContext): Promise<Omit<Status, 'machine'> & { readonly machine: Status['machine'] | null }> {
  try {
    return await askNode(context, 'status', {});
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.type !== 'not-started') throw error;
    const verdict = `Not syncing: ${error.message}. ${error.next ?? ''}`;
    return {
      verdict,
      in_sync: false,
      machine: null,
      running: false,
      address: null,
      hub: false,
      keeps: [],
      mneme: null,
      claude_mem: null,
      left: [],
      spaces: [],
    };
  }
}

function describe(context: CommandContext, space: SpaceStatus): string[] {
  const { style, clock } = context;
  const lines = [
    `${style.bold(printable(space.name))}: ${counted(space.items, 'item')}, ${formatBytes(space.bytes)}, on ${counted(space.machines, 'machine')}`,
  ];
  if (isLeftBehind(space.name))
    lines.push(
      `  what this machine ${space.machines > 1 ? 'shared with others' : 'had of its own'} before it joined: kept with its history, and no folder writes to it`,
    );
  if (space.revoked !== null) return [...lines, ...revokedLines(context, space, space.revoked)];
  if (space.drafts > 0)
    lines.push(
      `  ${counted(space.drafts, 'change')} ${isHeldBack(space) ? 'kept here, and not sent: this machine is a reader' : 'not sent yet'}`,
    );
  if (space.problem !== null && space.last_sync !== null) lines.push(`  last in sync ${shownAgo(space.last_sync, clock.now())}`);
  if (space.words !== '')
    lines.push(
      `  history: ${space.words} ${style.dim(`(record ${space.position}; a machine that shows the same words has the same history)`)}`,
    );
  lines.push(...describeFallen(context, space));
  for (const source of space.sources) {
    lines.push(
      printable(`  carries ${source.path}${source.state === 'ok' && source.detail === null ? '' : `: ${source.detail ?? source.state}`}`),
    );
    lines.push(...describeSource(context, source));
  }
  return lines;
}

/** What fell with a home that was lost or restored, and what brings it again. */
function describeFallen({ style, asCalled }: CommandContext, { name, fallen }: SpaceStatus): string[] {
  const lines = fallenLines(fallen).map((line) => `  ${printable(line)}`);
  if (fallen.recovery_key) {
    const which = name === 'personal' ? '' : ` --space ${itemWord(name)}`;
    lines.push(
      style.yellow(
        asCalled(
          `  The recovery key made last fell with the former home: the one before it opens the space again. Run: satchel keys recovery --replace${which}`,
        ),
      ),
    );
  }
  return lines;
}

function mnemeLines({ style, asCalled }: CommandContext, { enabled, url, listening, problem, client }: MnemeBrief): string[] {
  const lines: string[] = [];
  if (enabled && problem !== null) lines.push(style.yellow(asCalled(`mneme is not served: ${printable(problem)}. See: satchel doctor`)));
  else if (enabled && listening) lines.push(`mneme is served at ${url}`);
  if (client.url !== null && (client.problem !== null || client.connected !== 'here')) lines.push(asCalled(saysClient(client, style)));
  return lines;
}

/** What a hub keeps for others. It knows no names: they are sealed. */
function keptLines({ style, clock, asCalled }: CommandContext, keeps: Status['keeps']): string[] {
  if (keeps.length === 0) return [asCalled('It keeps no space yet. To let a machine keep its spaces here: satchel invite')];
  const columns = [
    { title: 'SPACE' },
    ...['MACHINES', 'RECORDS', 'SIZE'].map((title) => ({ title, align: 'right' as const })),
    { title: 'HEARD OF' },
  ];
  const rows = keeps.map(({ space, machines, records, bytes, last_seen: seen }) => [
    space.slice(0, 12),
    machines,
    records,
    bytes === null ? 'not known' : formatBytes(bytes),
    seen === null ? 'not since the hub started' : shownAgo(seen, clock.now()),
  ]);
  return [
    renderTable(columns, rows, style.dim),
    style.dim('Names are sealed: on a machine of the space, satchel spaces shows which one it is, and satchel machines who takes part.'),
  ];
}

/** What a machine that left can do. */
function leftLines({ clock, asCalled }: CommandContext, left: Status['left']): string[] {
  return [
    ...left.map(({ name, at }) => `${printable(name)}: left ${shownTime(at, clock.now())}`),
    '  Your files are as they are, and what this machine had of the history is kept here.',
    asCalled('  To take part again: satchel join, with a link that `satchel invite` makes on another machine.'),
    asCalled('  To begin a new space, without that history: satchel up --begin-anew'),
    asCalled('  To remove what is kept here: satchel leave --purge (your files stay).'),
  ];
}

/** What became of a machine that was revoked, and what it can do. */
function revokedLines(
  { clock, asCalled }: CommandContext,
  { drafts, last_sync: last, remote }: SpaceStatus,
  revoked: Revocation,
): string[] {
  const { by, by_id: id, known_since: since, position } = revoked;
  const when = since === null ? '' : `, known here since ${shownTime(since, clock.now())}`;
  const seen = last === null ? '' : `; last in sync ${shownTime(last, clock.now())}`;
  return [
    `  This machine was revoked by ${printable(by)} (${id.slice(0, 12)}) with record ${position}${when}${seen}.`,
    '  It gets nothing new and sends nothing. Here are still: your files as they are, and the history up to then.',
    ...(drafts === 0 ? [] : [neverSentLine(drafts)]),
    asCalled(`  To clean up: satchel leave --purge${drafts === 0 ? '' : ' --discard'} (your files stay).`),
    asCalled(
      `  To take part again${remote === null ? '' : ` at ${printable(remote)}`}: satchel join, with a link that \`satchel invite\` makes on another machine.`,
    ),
  ];
}

/** What a machine that was revoked had not sent, and what of it goes on. */
function neverSentLine(drafts: number): string {
  const [they, stand] = drafts === 1 ? ['It', 'stands'] : ['They', 'stand'];
  return `  ${neverSentText(drafts)}. ${they} ${stand} in your files, which nobody touches: copy what you want elsewhere, or join again, with which they are carried anew.`;
}

/** What of a Claude home is not as on the other machines. */
function describeSource(context: CommandContext, { unknown, skipped, missing_values: missing, waiting, unshown }: SourceStatus): string[] {
  const lines = unshown.map(({ item, reason }) => printable(`    ${item} is not put in place: ${reason}`));
  for (const { item, reason } of waiting.slice(0, NAMED))
    lines.push(`    ${printable(item)} is not put in place yet: ${printable(reason)}`);
  if (waiting.length > NAMED)
    lines.push(context.asCalled(`    and ${waiting.length - NAMED} more are not put in place yet. Which: satchel doctor`));
  for (const { item, reason } of skipped.slice(0, NAMED)) lines.push(printable(`    ${item} is not carried: ${reason}`));
  if (skipped.length > NAMED) lines.push(context.asCalled(`    and ${skipped.length - NAMED} more are not carried. Which: satchel doctor`));
  lines.push(...missingLines(missing).map((line) => `    ${line}`));
  if (unknown.length === 0) return lines;
  const rest = unknown.length > NAMED ? `, and ${unknown.length - NAMED} more` : '';
  return [...lines, `    not carried, since Satchel does not know what it is: ${unknown.slice(0, NAMED).map(printable).join(', ')}${rest}`];
}
