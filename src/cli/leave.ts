import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { nodeHome, REPLACED } from '../node/home.ts';
import type { Disconnected, LeavePlan, LeaveResult } from '../node/operations/leave.ts';
import { readRunning } from '../node/running.ts';
import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { printable } from './output-style.ts';
import { undoneWords } from './undone-words.ts';

const isSettingsNote = (name: string): boolean => /^(?:mneme|claude-mem)-connection\.json/.test(name);
const ALONE = 'there is no other machine';
const REVOKED = 'it was revoked';
const STOP_WITHIN = 30_000;

export const leaveCommand = defineCommand({
  summary: 'Stop taking part: your files stay, the service and unfinished writes go',
  options: {
    purge: { type: 'flag', summary: 'also remove the store, the keys and the whole history on this machine' },
    discard: { type: 'flag', summary: 'go on although something would be lost; it is named' },
    yes: { type: 'flag', summary: 'do not ask' },
  },
  examples: ['satchel leave', 'satchel leave --purge'],
  notes:
    'Files in captured folders are never removed. Without --purge the history stays in SATCHEL_HOME. What a hub or folder keeps of the space stays there, encrypted, for the other machines; after the last one left it opens with the recovery key alone.\nJSON: {left: [{name, told, why_not}], temporary_files, claude_mem: {file, why_not, left, kept} or null, mneme: {file, why_not, left, kept} or null, service_removed, purged, foreign}.',
  async run(context): Promise<CommandResult> {
    const { purge, discard, yes } = context.options;
    const home = nodeHome(context.environment.home);
    const plan = await askNode(context, 'leave-plan', {});
    const losses = lossesOf(context, plan, purge);
    if (losses.length > 0 && !discard)
      throw new CommandFailure(EXIT.refused, 'would-lose', `leaving would lose:\n${losses.map((line) => `  ${line}`).join('\n')}`, {
        next: `${canBeHelped(plan, losses) ? 'Do that first, or give' : 'To give'} up what is named: ${context.again({ discard: true })}`,
        details: losses,
      });
    if (!yes && !(await isSure(context, plan, losses, home.root, purge))) return { human: 'Nothing was changed.', json: { left: [] } };

    const serviceRemoved = await removeService(context);
    await stopNode(context);
    const left = await leave(context, discard);
    let foreign: readonly string[] = [];
    if (purge) {
      const { purgeHome } = await import('../node/purge-home.ts');
      foreign = await purgeHome(home);
    }
    const lines = left.left.map(leftLine);
    if (serviceRemoved) lines.push('Removed the service.');
    if (left.temporary_files > 0) lines.push(`Removed ${left.temporary_files} unfinished writes.`);
    if (left.claude_mem !== null) lines.push(settingsLine('claude-mem', left.claude_mem));
    if (left.mneme !== null) lines.push(settingsLine('mneme', left.mneme));
    lines.push(
      purge
        ? removedLine(home.root, foreign)
        : context.asCalled(`Your files stay as they are. The history stays in ${home.root}; to remove it: satchel leave --purge`),
    );
    const others = foreign.filter((name) => name !== REPLACED && !isSettingsNote(name));
    if (foreign.some(isSettingsNote))
      lines.push(
        `Another program’s settings as they were before it was connected stay in ${foreign.filter(isSettingsNote).join(', ')} there.`,
      );
    if (foreign.includes(REPLACED))
      lines.push(`Your files as they were before this machine joined stay in ${path.join(home.root, REPLACED)}.`);
    if (others.length > 0) lines.push(`Left there, since Satchel did not make it: ${others.map(printable).join(', ')}`);
    lines.push(...staysLines(context, plan, purge));
    if (left.left.some((each) => each.why_not !== ALONE && each.why_not !== REVOKED))
      lines.push(
        context.asCalled(
          `On one of your other machines, so that the keys of this one (${printable(plan.machine.name)}) open nothing new: satchel machines revoke ${plan.machine.id.slice(0, 12)}`,
        ),
      );
    return { human: lines.join('\n'), json: { ...left, service_removed: serviceRemoved, purged: purge, foreign } };
  },
});

/** What was changed since the plan was made is not lost unsaid: the refusal names what was given, and what gives it up. */
async function leave(context: CommandContext, discard: boolean): Promise<LeaveResult> {
  try {
    return await askNode(context, 'leave', { discard });
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.type !== 'unsent') throw error;
    const { exit, type, message } = error;
    const next = `Run: satchel sync; or give them up: ${context.again({ discard: true })}`;
    throw new CommandFailure(exit, type, message, { next, cause: error });
  }
}

function leftLine({ name, told, why_not: whyNot }: LeaveResult['left'][number]): string {
  if (told) return `Left ${name}; the others see it.`;
  if (whyNot === REVOKED) return `Left ${name}, from which this machine was revoked before.`;
  return whyNot === ALONE ? `Left ${name}, as its last machine.` : `Left ${name}. The others were not told: ${printable(whyNot ?? '')}`;
}

/** What stands in the way of undoing a connection, by the program whose settings they are. */
const LEFTOVERS = {
  'claude-mem': 'Remove the three lines CLAUDE_MEM_CLOUD_SYNC_… there.',
  mneme: 'Remove "sync" there.',
} as const;

function settingsLine(program: keyof typeof LEFTOVERS, { file, why_not: whyNot, left, kept }: Disconnected): string {
  return whyNot === null
    ? `${program} no longer syncs through Satchel: ${undoneWords({ file, left, kept })}`
    : `${program}’s settings in ${file} could not be put back: ${whyNot}. ${LEFTOVERS[program]}`;
}

/** What stays elsewhere, and what opens it. */
export function staysLines(
  { asCalled }: Pick<CommandContext, 'asCalled'>,
  { spaces }: Pick<LeavePlan, 'spaces'>,
  purge: boolean,
): string[] {
  return spaces.flatMap(({ name, remote, last, revoked, recovery_unshown: unshown }) => {
    if (remote === null || revoked) return [];
    const stays = `${name} stays at ${remote}, encrypted`;
    if (!last) return [`${stays}, for your other machines.`];
    if (!purge) return [`${stays}. It opens with the keys that are left here, or with the recovery key.`];
    if (unshown) return [`${stays}. Nothing opens it: its recovery key goes with this machine, the last one.`];
    return [`${stays}. This was the last machine: only the recovery key opens it now, by: ${asCalled('satchel keys recover')} ${remote}`];
  });
}

/** What a purge removed; `foreign`: the names that stay in `root`. */
export function removedLine(root: string, foreign: readonly string[]): string {
  return foreign.length === 0 ? `Removed ${root}.` : `Removed all but ${foreign.map(printable).join(', ')} in ${root}.`;
}

/** Whether anything of it could be kept: what a revoked machine did not send cannot. */
function canBeHelped({ spaces }: LeavePlan, losses: readonly string[]): boolean {
  return losses.length > spaces.filter(({ revoked, unsent }) => revoked && unsent > 0).length;
}

function lossesOf({ asCalled }: CommandContext, plan: LeavePlan, purge: boolean): string[] {
  const losses: string[] = [];
  for (const space of plan.spaces) {
    if (space.unsent > 0) losses.push(asCalled(unsentText(space)));
    if (space.others_depend)
      losses.push(
        asCalled(
          `${space.name}: its log is ordered here, so that your other machines cannot sync any more. Run: satchel spaces move ${space.name} REMOTE`,
        ),
      );
    if (!purge) continue;
    if (space.only_here)
      losses.push(
        asCalled(
          `${space.name}: its whole history, which is nowhere else. To keep it elsewhere: satchel remotes add FOLDER, then satchel spaces move ${space.name} FOLDER; to have a copy before you give it up: satchel store backup FILE`,
        ),
      );
    else if (space.recovery_unshown && !space.revoked) {
      const all = space.last ? `, and with it everything at ${space.remote}, which nothing else opens` : '';
      losses.push(asCalled(`${space.name}: its recovery key, which was never written down${all}. Run: satchel keys recovery`));
    }
  }
  for (const log of plan.keeps) losses.push(...keptLosses({ asCalled }, log, purge));
  return losses;
}

function unsentText({ name, unsent, unsent_items: items, revoked }: LeavePlan['spaces'][number]): string {
  const [what, them] = [counted(unsent, 'change'), unsent === 1 ? 'it' : 'them'];
  const lost = `${name}: ${what} of the history, sent nowhere (the files themselves stay): ${items.map(printable).join(', ')}`;
  return revoked
    ? `${lost}. This machine was revoked, and nothing takes ${them} any more; who joins again with these files carries them anew: satchel join`
    : `${lost}. To send ${them}, once what keeps the space is within reach: satchel sync`;
}

/** What others, or nobody, would have any more of a log that is kept here. */
export function keptLosses({ asCalled }: Pick<CommandContext, 'asCalled'>, log: LeavePlan['keeps'][number], purge: boolean): string[] {
  const { why, machines, recovery_unshown: unshown, elsewhere } = log;
  const name = `space ${log.space.slice(0, 12)}`;
  if (why === 'for-others') {
    const of = counted(machines, 'machine');
    const wayOut = asCalled('Run on one of them: satchel spaces move SPACE REMOTE');
    if (elsewhere !== null)
      return purge
        ? [`${name}: the keys by which ${of} know this hub, unless another hub has them too; its log stays in ${elsewhere}. ${wayOut}`]
        : [];
    const cannot = machines === 1 ? 'it cannot' : 'they cannot';
    const gone = purge ? ', and its bodies that are nowhere else go with it' : '';
    return [`${name}: its log is ordered here, for ${of}: ${cannot} sync any more${gone}. ${wayOut}`];
  }
  if (!purge) return [];
  if (why === 'only-here')
    return [
      asCalled(
        `${name}, which this machine left: its whole history, which is nowhere else. To have a copy before you give it up: satchel store backup FILE`,
      ),
    ];
  return unshown
    ? [
        asCalled(
          `${name}, which this machine left as the last one: its recovery key, which was never written down; nothing else opens what lies elsewhere. To have a copy before you give it up: satchel store backup FILE`,
        ),
      ]
    : [];
}

async function isSure(context: CommandContext, plan: LeavePlan, losses: readonly string[], root: string, purge: boolean): Promise<boolean> {
  for (const line of losses) context.print(context.style.yellow(`Would be lost: ${line}`));
  const what = purge
    ? `This removes ${root} with all keys and history of this machine; your files stay. ${staysLines(context, plan, true).join(' ')} `
    : 'This machine stops syncing. Your files stay. ';
  const answer = await context.ask(`${what}Go on? [y/N] `);
  if (answer === null)
    throw new CommandFailure(EXIT.usage, 'usage', 'there is no terminal to ask on', {
      next: `Run: ${context.again({ yes: true })}`,
    });
  return /^\s*y/i.test(answer);
}

/** First, or it would start the node again. */
async function removeService({ environment }: CommandContext): Promise<boolean> {
  if (process.platform !== 'darwin' && process.platform !== 'linux') return false;
  const { managerFor } = await import('./service.ts');
  const removed = await managerFor(environment).remove();
  return removed.ok && removed.value.removed;
}

/** Ends the node, if it is one that answers: after a crash the noted process may be anyone's. */
async function stopNode(context: CommandContext): Promise<void> {
  const { environment, clock } = context;
  const home = nodeHome(environment.home);
  if (!(await askNode(context, 'status', {})).running) return;
  const running = await readRunning(home);
  if (running === null || !isAlive(running.pid)) return;
  process.kill(running.pid, 'SIGTERM');
  const until = clock.now() + STOP_WITHIN;
  while ((await readRunning(home)) !== null && isAlive(running.pid)) {
    if (clock.now() > until)
      throw new CommandFailure(EXIT.failed, 'running', `the node does not end (process ${running.pid})`, {
        next: 'End it, then run this again',
      });
    await delay(50);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // no such process, or not ours
  }
}
