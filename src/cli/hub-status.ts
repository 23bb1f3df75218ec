import { counted } from '../node/counted.ts';
import type { Check } from '../node/doctor/check.ts';
import type { HubStatus } from '../node/operations/hub-status.ts';
import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, type CommandContext, type CommandResult } from './frame-command.ts';
import { formatBytes, printable } from './output-style.ts';
import { renderTable } from './output-table.ts';
import { shownAgo, shownTime } from './shown-time.ts';

/** `satchel status --hub`: what whoever runs the hub wants to see. */
export async function hubStatus(context: CommandContext): Promise<CommandResult> {
  const status = await ask(context);
  const lines = [verdictLine(context, status), ...factLines(context, status), ...spaceLines(context, status)];
  for (const { at, method, route, status: code } of status.requests.failures)
    lines.push(`  failed ${shownAgo(at, context.clock.now())}: ${method} ${printable(route)} ${code}`);
  for (const check of status.checks) if (check.result !== 'ok') lines.push(...checkLines(context, check));
  return { human: lines.join('\n'), json: status, exit: status.well ? EXIT.ok : EXIT.failed };
}

async function ask(context: CommandContext): Promise<HubStatus> {
  try {
    return await askNode(context, 'hub-status', {}, { needsRunning: true });
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.type !== 'not-running') throw error;
    throw new CommandFailure(EXIT.unreachable, 'no-hub', `no hub runs here (SATCHEL_HOME is ${context.environment.home})`, {
      next: 'Run: satchel up --hub (or: satchel service install)',
      cause: error,
    });
  }
}

function verdictLine({ style }: CommandContext, { well, checks, spaces, requests }: HubStatus): string {
  const bad = checks.filter(({ result }) => result === 'fail').map(({ reason }) => reason);
  if (!well) return style.red(`Not well: ${printable(bad.join('; '))}.`);
  const of = spaces === null ? '' : `${counted(spaces.count, 'space')} of ${counted(spaces.machines, 'machine')}, `;
  const line = `The hub is well: ${of}${counted(requests.last_hour, 'request')} in the last hour.`;
  return checks.some(({ result }) => result === 'warn') ? style.yellow(line) : style.green(line);
}

function factLines({ clock }: CommandContext, status: HubStatus): string[] {
  const { store, requests, appends, disk, last_backup: backup } = status;
  const now = clock.now();
  const where = status.public_url === null ? '' : `, for others at ${status.public_url}`;
  const bytes = store.bytes === null ? '' : `, ${formatBytes(store.bytes)}`;
  const kept = store.type === 'postgres' ? `PostgreSQL at ${store.place}` : 'SQLite in its own folder';
  const lines = [
    `at        ${status.address}${where}`,
    `running   since ${shownTime(status.running_since, now)}: version ${status.version}, process ${status.pid}, ${formatBytes(status.memory_bytes)} of memory`,
    `store     ${kept}${bytes}${store.bucket === null ? '' : `; bodies in ${store.bucket}${store.bucket_problem === null ? '' : ', which cannot be used now'}`}`,
    `disk      ${formatBytes(disk.free_bytes)} of ${formatBytes(disk.total_bytes)} free`,
    `requests  ${requests.last_hour} in the last hour: ${requests.failed} failed, ${requests.refused} refused`,
    `appends   ${appends.appended} since it began, and ${counted(appends.lost_races, 'lost race')}`,
    `live      ${counted(status.live_listeners, 'listener')}`,
  ];
  if (status.spaces !== null) {
    const { machines, machines_last_hour: hour, machines_last_day: day } = status.spaces;
    lines.push(`machines  ${machines}; asked here: ${hour} in the last hour, ${day} in the last day`);
  }
  if (store.type === 'sqlite')
    lines.push(`backup    ${backup === null ? 'none' : `${shownAgo(backup.at, now)}, ${formatBytes(backup.bytes)}`}`);
  return lines.map((line) => `  ${printable(line)}`);
}

function spaceLines({ style, clock, asCalled }: CommandContext, { spaces }: HubStatus): string[] {
  if (spaces === null) return [];
  if (spaces.count === 0) return [asCalled('  It keeps no space yet. To let a machine keep its spaces here: satchel invite')];
  const columns = [
    { title: 'SPACE' },
    ...['MACHINES', 'RECORDS', 'SIZE'].map((title) => ({ title, align: 'right' as const })),
    { title: 'HEARD OF' },
  ];
  const rows = spaces.largest.map(({ space, machines, records, bytes, last_seen: seen }) => [
    space.slice(0, 12),
    machines,
    records,
    bytes === null ? 'not known' : formatBytes(bytes),
    seen === null ? 'not by this process' : shownAgo(seen, clock.now()),
  ]);
  const rest = spaces.count - spaces.largest.length;
  return [
    renderTable(columns, rows, style.dim),
    ...(rest === 0 ? [] : [style.dim(`and ${counted(rest, 'smaller one')}`)]),
    style.dim(
      `Together ${spaces.bytes === null ? '' : `${formatBytes(spaces.bytes)} in `}${counted(spaces.records, 'record')}. Names are sealed: a hub cannot read them.`,
    ),
  ];
}

function checkLines({ style, asCalled }: CommandContext, { result, reason, next_step: next, evidence }: Check): string[] {
  const mark = result === 'fail' ? style.red('wrong') : style.yellow('look');
  return [`${mark}  ${printable([reason, ...evidence].join('; '))}`, ...(next === null ? [] : [`      ${asCalled(next)}`])];
}
