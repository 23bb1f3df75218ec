import { counted } from '../counted.ts';
import { heldRemedy } from '../held-remedy.ts';
import { syncRemedy } from '../sync-remedy.ts';
import type { Role } from '../../core/log/control.ts';

/** What of a space the verdict is made of. */
export interface JudgedSpace {
  readonly name: string;
  readonly remote: string | null;
  readonly machines: number;
  readonly drafts: number;
  /** What this machine may do there; `null` where it is no member. */
  readonly role: Role | null;
  readonly conflicts: number;
  readonly pending: number;
  /** ISO 8601. */
  readonly last_sync: string | null;
  readonly revoked: { readonly by: string } | null;
  readonly problem: string | null;
  readonly problem_type: string | null;
  /** What helps; `null`: what its type says. */
  readonly remedy?: string | null;
  readonly sources: readonly {
    readonly path: string;
    readonly state: string;
    readonly detail: string | null;
    /** Items that cannot be put in place, since the remote does not have their bodies. */
    readonly lacking?: number;
    /** Rows of claude-mem that are not in the database here, as it has others of which it holds one alone. */
    readonly in_the_way?: number;
    readonly skipped?: readonly { readonly item: string; readonly reason: string; readonly mendable?: boolean }[];
  }[];
}

export interface JudgedNode {
  readonly isLive: boolean;
  readonly isHub: boolean;
  /** Of a hub: why its bucket cannot be used, or that it has no room, with what helps. */
  readonly hubTrouble?: string | null;
  /** It is a hub’s store, and nothing that is written says so: it is started with --hub. */
  readonly needsHubFlag?: boolean;
  readonly address: string | null;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What this machine left and did not join again, the last first. */
  readonly left?: readonly { readonly name: string; readonly at: number }[];
  /** What is wrong with claude-mem's own sync; `refused`: somebody has to do something. */
  readonly claudeMem?: { readonly refused: boolean; readonly problem: string; readonly remedy: string | null } | null;
}

export interface Verdict {
  readonly verdict: string;
  readonly inSync: boolean;
}

const OWN = 'personal';
/** How the name of a space begins that this machine had of its own before it joined another's. */
export const LEFT_BEHIND = 'before-joining-';

/** Whether a space is what this machine had of its own before it joined another: kept, and out of use. */
export function isLeftBehind(name: string): boolean {
  return name.startsWith(LEFT_BEHIND);
}

/** The personal space, then others by name, then what was left behind. */
export function compareSpaces(a: { readonly name: string }, b: { readonly name: string }): number {
  const rank = ({ name }: { readonly name: string }): number => (name === OWN ? 0 : isLeftBehind(name) ? 2 : 1);
  return rank(a) - rank(b) || (a.name < b.name ? -1 : 1);
}

/** One line about all spaces: the worst there is, and what waits for a person. `spaces` in the order of {@link compareSpaces}. */
export function judgeStatus(node: JudgedNode, spaces: readonly JudgedSpace[]): Verdict {
  const trouble = troubleOf(node, spaces);
  const said = sourceTrouble(spaces);
  // What is asked about where it is said why nothing syncs is not said to wait besides.
  const isSaid = (space: JudgedSpace): boolean => said !== null && said.text === trouble && said.isAsked && said.space === space;
  const waiting = waitingText(spaces.map((space) => (isSaid(space) ? { ...space, pending: Math.max(0, space.pending - 1) } : space)));
  if (trouble !== null) return { verdict: `Not syncing: ${trouble}${waiting === '' ? '' : `. Besides, ${waiting}`}`, inSync: false };
  const state = stateOf(node, spaces);
  return { ...state, verdict: waiting === '' ? state.verdict : `${state.verdict}; ${waiting}` };
}

function troubleOf(node: JudgedNode, spaces: readonly JudgedSpace[]): string | null {
  for (const space of spaces) if (space.revoked !== null) return `${whose(space)}${revokedText(space.revoked.by, space.drafts)}`;
  for (const space of spaces)
    if (space.problem !== null && space.problem_type === 'no-key') return `${whose(space)}${sentence(space.problem)} ${space.remedy ?? ''}`;
  const { left = [] } = node;
  if (spaces.length === 0 && !node.isHub && left[0] !== undefined)
    return `this machine left ${left.map(({ name }) => name).join(', ')}, ${agoText(node.now - left[0].at)} ago. Run: satchel join`;
  if (!node.isLive) return `the node is not running. Run: satchel up${node.needsHubFlag === true ? ' --hub' : ''}`;
  if (node.hubTrouble != null) return node.hubTrouble;
  if (spaces.length === 0) return node.isHub ? null : 'no space here yet. Run: satchel join';
  for (const space of spaces)
    if (space.problem !== null) return `${whose(space)}${sentence(space.problem)} ${syncRemedy(space.problem_type, space.problem, space)}`;
  const source = sourceTrouble(spaces);
  if (source !== null) return source.text;
  const { claudeMem = null } = node;
  if (claudeMem?.refused === true)
    return `what claude-mem saves is not taken: ${claudeMem.problem}. ${claudeMem.remedy ?? 'Run: satchel doctor'}`;
  return null;
}

/** The first source that is not carried, and why. `isAsked`: an answer is what it waits for. */
function sourceTrouble(
  spaces: readonly JudgedSpace[],
): { readonly text: string; readonly space: JudgedSpace; readonly isAsked: boolean } | null {
  for (const space of spaces)
    for (const { path, state, detail } of space.sources)
      if (state !== 'ok')
        return {
          text: `${whose(space)}${detail ?? state} (${path}). ${heldRemedy(state)}`,
          space,
          isAsked: ['mass-deletion', 'root-missing', 'older-state'].includes(state),
        };
  return null;
}

function stateOf(node: JudgedNode, spaces: readonly JudgedSpace[]): Verdict {
  if (spaces.length === 0) return { verdict: `Hub is running at ${node.address}`, inSync: true };
  const kept = spaces.find((space) => isHeldBack(space));
  if (kept !== undefined) return { verdict: heldBackText(kept), inSync: false };
  const drafts = spaces.reduce((sum, space) => sum + space.drafts, 0);
  if (drafts > 0) return { verdict: `Sending ${drafts} ${drafts === 1 ? 'change' : 'changes'}`, inSync: false };
  const away = spaces.filter(({ remote }) => remote !== null);
  // What is kept here is in sync with itself: where others are elsewhere, they say how it is.
  const judged = away.length > 0 ? away : spaces;
  const silent = away.filter((space) => space.last_sync === null);
  if (silent.length > 0) return { verdict: `Connecting to ${placesOf(silent)}`, inSync: false };
  const lacking = lackingText(spaces);
  if (lacking !== null) return { verdict: `Not in sync: ${lacking}`, inSync: false };
  const left = leftOutText(spaces);
  if (left !== null) return { verdict: `Not everything is in sync: ${left}`, inSync: false };
  const inTheWay = inTheWayText(spaces);
  if (inTheWay !== null) return { verdict: `Not everything is in sync: ${inTheWay}`, inSync: false };
  if (node.claudeMem != null) {
    const { problem, remedy } = node.claudeMem;
    return { verdict: `Not everything is in sync: ${problem}${remedy === null ? '' : `. ${remedy}`}`, inSync: false };
  }
  const times = judged.flatMap(({ last_sync: last }) => (last === null ? [] : [Date.parse(last)]));
  const ago = times.length === 0 ? '' : `, ${agoText(node.now - Math.min(...times))} ago`;
  const machines = Math.max(...judged.map((space) => space.machines));
  const verdict =
    away.length > 0
      ? `In sync with ${placesOf(judged)}${ago}`
      : `Everything is kept here (${machines} ${machines === 1 ? 'machine' : 'machines'})${ago}`;
  return { verdict, inSync: true };
}

/** Whether what was changed here stays here: the log takes nothing of a reader. */
export function isHeldBack({ role, drafts, revoked }: Pick<JudgedSpace, 'role' | 'drafts' | 'revoked'>): boolean {
  return role === 'reader' && drafts > 0 && revoked === null;
}

function revokedText(by: string, drafts: number): string {
  return drafts === 0
    ? `this machine was revoked by ${by}. Run: satchel leave`
    : `this machine was revoked by ${by}; ${neverSentText(drafts)}. Run: satchel leave --discard`;
}

/** Of a machine that was revoked: no remote takes its drafts any more. */
export function neverSentText(drafts: number): string {
  return `${counted(drafts, 'change')} made here ${drafts === 1 ? 'was' : 'were'} sent nowhere, and cannot be any more`;
}

/** What became of a reader's changes, and what sends them. */
export function heldBackText(space: Pick<JudgedSpace, 'name' | 'drafts'>): string {
  const what = space.drafts === 1 ? '1 change made here is' : `${space.drafts} changes made here are`;
  return `${space.name}: ${what} kept, and not sent: this machine is a reader there. An owner makes it a writer (satchel machines role)`;
}

/** Items whose bodies are at no remote, and what brings them; `null`: none. */
function lackingText(spaces: readonly JudgedSpace[]): string | null {
  const space = spaces.find((each) => lackingIn(each) > 0);
  return space === undefined ? null : `${whose(space)}${lackingBodies(lackingIn(space), space.remote)}`;
}

/** Of a space, how many items wait for bodies that its remote does not have. */
export function lackingIn({ sources }: Pick<JudgedSpace, 'sources'>): number {
  return sources.reduce((sum, { lacking = 0 }) => sum + lacking, 0);
}

/** `3 items wait for bodies that hub.example does not have. …` */
export function lackingBodies(count: number, remote: string | null): string {
  const { reason, next } = lackingParts(count, remote);
  return `${reason}. ${next}`;
}

/** The same as what is wrong and what helps. */
export function lackingParts(count: number, remote: string | null): { readonly reason: string; readonly next: string } {
  const waits = count === 1 ? '1 item waits for a body' : `${count} items wait for bodies`;
  const where = remote === null ? `${count === 1 ? 'is' : 'are'} not here` : `${placeOf(remote)} does not have`;
  // A hub notices what it lost, and asks for it; other places have to be compared with.
  const next = remote === null || /^https?:/.test(remote) ? 'satchel sync' : 'satchel store verify --read-data';
  return { reason: `${waits} that ${where}`, next: `On a machine that has ${count === 1 ? 'it' : 'them'}, run: ${next}` };
}

/** Files that would be carried, and are not before somebody mends them; `null`: none. */
function leftOutText(spaces: readonly JudgedSpace[]): string | null {
  const left = spaces.flatMap((space) =>
    space.sources.flatMap(({ skipped = [] }) => skipped.filter(({ mendable }) => mendable === true).map((entry) => ({ space, entry }))),
  );
  const [first] = left;
  if (first === undefined) return null;
  const { item, reason } = first.entry;
  const more = left.length === 1 ? 'Mend it' : `So ${left.length === 2 ? 'is 1 more' : `are ${left.length - 1} more`}. Mend them`;
  return `${whose(first.space)}${item} is not carried: ${reason}. ${more}; how: satchel doctor`;
}

/** Rows of claude-mem that stand otherwise here than elsewhere until one of two is deleted; `null`: none. */
function inTheWayText(spaces: readonly JudgedSpace[]): string | null {
  const countIn = ({ sources }: JudgedSpace): number => sources.reduce((sum, { in_the_way: count = 0 }) => sum + count, 0);
  const space = spaces.find((each) => countIn(each) > 0);
  if (space === undefined) return null;
  const count = countIn(space);
  const [are, others] = count === 1 ? ['is', 'another one is in its way'] : ['are', 'others are in their way'];
  return `${whose(space)}${counted(count, 'row')} ${are} not the same in claude-mem’s database here as elsewhere: ${others}. Which: satchel doctor`;
}

function placesOf(spaces: readonly JudgedSpace[]): string {
  return [...new Set(spaces.map(({ remote }) => placeOf(remote)))].join(' and ');
}

function placeOf(remote: string | null): string {
  return remote === null ? 'here' : new URL(remote).host || remote;
}

/** Commands stand in brackets, so that a terminal's reader can take them as they are. */
function waitingText(spaces: readonly JudgedSpace[]): string {
  const sum = (of: (space: JudgedSpace) => number): number => spaces.reduce((total, space) => total + of(space), 0);
  const [pending, conflicts] = [sum((space) => space.pending), sum((space) => space.conflicts)];
  const parts: string[] = [];
  if (pending > 0) parts.push(`${pending} ${pending === 1 ? 'approval waits' : 'approvals wait'} (satchel pending)`);
  if (conflicts > 0) parts.push(`${conflicts} ${conflicts === 1 ? 'conflict' : 'conflicts'} (satchel conflicts)`);
  return parts.join(', ');
}

/** A message with its stop: some end as a question. */
function sentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

/** Nobody needs to be told that it is about the personal space. */
function whose({ name }: JudgedSpace): string {
  return name === OWN ? '' : `${name}: `;
}

/** `12 s`. */
export function agoText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
