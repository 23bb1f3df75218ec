import { existsSync } from 'node:fs';
import { loadConfig } from '../../config/config.ts';
import type { Role } from '../../core/log/control.ts';
import { headWords } from '../../core/joining/words.ts';
import { HOUSEKEEPING_KINDS } from '../../kinds/claude-home/housekeeping.ts';
import { readRecoverySecret } from '../recovery-file.ts';
import { checkStopped } from '../doctor/bucket-checks.ts';
import { memTrouble, type MemTrouble } from '../claude-mem/mem-trouble.ts';
import { mnemeState, type MnemeClientLine } from '../mneme/mneme-state.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { createNodeFiles } from '../../sources/files/node-files.ts';
import { roleOf } from '../node-role.ts';
import { listLeft } from '../left-spaces.ts';
import { missingKey } from '../missing-key.ts';
import { missingHere, type MissingHere } from '../missing-here.ts';
import { keptSpaces, type KeptSpace } from '../kept-spaces.ts';
import { revocationOf, type Revocation } from '../revocation.ts';
import { countPending } from '../pending/count-pending.ts';
import type { RowSource } from '../row-sources.ts';
import type { TreeSource } from '../tree-sources.ts';
import { presentMachines } from '../present-machines.ts';
import { rootState } from '../root-state.ts';
import { skippedHere } from '../skipped-here.ts';
import type { SourceState } from '../../sources/file-tree/reports.ts';
import { isInTheWay } from '../../sources/sqlite-rows/write-row.ts';
import { unknownPaths } from '../unknown-paths.ts';
import { noInput } from './no-input.ts';
import { defineOperation } from './operation.ts';
import { fallenStatus, type FallenStatus } from '../fallen-status.ts';
import { compareSpaces, judgeStatus } from './status-verdict.ts';

export interface SpaceStatus {
  readonly space: string;
  readonly name: string;
  /** Where its log is ordered; `null`: here. */
  readonly remote: string | null;
  readonly position: number;
  /** To compare with another machine's: the same words mean the same history. */
  readonly words: string;
  readonly items: number;
  readonly bytes: number;
  readonly drafts: number;
  /** What this machine may do there; `null` before it has read that it is a member. A reader's drafts are kept here. */
  readonly role: Role | null;
  readonly conflicts: number;
  /** What waits for an answer: satchel pending. */
  readonly pending: number;
  /** Items that hold what looks like a secret, as far as was looked: satchel doctor names them. */
  readonly secrets: number;
  /** Those that take part now. */
  readonly machines: number;
  /** Which folder of this machine each project of a Claude home is; `null`: none, and its sessions are not put in place here. */
  readonly projects: readonly { readonly id: string; readonly folder: string | null }[];
  /** Projects without a folder on this machine, whose sessions are not put in place here: satchel projects. */
  readonly projects_without_folder: readonly string[];
  /** ISO 8601. */
  readonly last_sync: string | null;
  /** That this machine was revoked there, as far as it knows. */
  readonly revoked: Revocation | null;
  readonly problem: string | null;
  readonly problem_type: string | null;
  /** What helps, where the kind of the problem does not say it all. */
  readonly remedy: string | null;
  readonly retry_at: string | null;
  readonly recovery_unshown: boolean;
  /** What a restored or lost home left behind, and is not in the log again. */
  readonly fallen: FallenStatus;
  readonly sources: readonly SourceStatus[];
}

export interface SourceStatus {
  readonly id: string;
  readonly path: string;
  readonly state: string;
  readonly detail: string | null;
  /** Of a Claude home: what stands there and stays local because nothing is known of it. Folders end in a slash. */
  readonly unknown: readonly string[];
  /** What stands there and is not carried although it would be by its name, with the reason. */
  readonly skipped: readonly SkippedStatus[];
  /** Values that only this machine could give: left out of these items until it does. */
  readonly needs_value: readonly { readonly item: string; readonly pointer: string }[];
  /** The same for people: which values of what, and where to write them. */
  readonly missing_values: readonly MissingHere[];
  /** What others wrote and could not be put in place yet. */
  readonly waiting: readonly { readonly item: string; readonly reason: string }[];
  /** Of those, how many wait for a body that the remote does not have. */
  readonly lacking: number;
  /** Of claude-mem's rows: how many are not in its database here, as it has others of which it holds one alone. */
  readonly in_the_way: number;
  /** Items that cannot be shown here. */
  readonly unshown: readonly { readonly item: string; readonly reason: string }[];
}

export interface SkippedStatus {
  readonly item: string;
  readonly reason: string;
  /** A file or folder, which is carried once somebody mends what the reason says; links, pipes and the like stay local for good. */
  readonly mendable: boolean;
}

export interface Status {
  /** The first line, about all spaces: in sync, or why not and what to run; and what waits for a person. */
  readonly verdict: string;
  readonly in_sync: boolean;
  readonly machine: { readonly id: string; readonly name: string };
  readonly running: boolean;
  readonly address: string | null;
  readonly hub: boolean;
  /** On a hub: what it keeps for others. */
  readonly keeps: readonly KeptSpace[];
  /** mneme's sync server and client here; `null` where neither is used. */
  readonly mneme: MnemeBrief | null;
  /** What keeps claude-mem's own sync from going on; `null`: nothing, or it has none. */
  readonly claude_mem: MemTrouble | null;
  /** Spaces that this machine left and did not join again, where it takes part in none; `at`: ISO 8601. */
  readonly left: readonly { readonly space: string; readonly name: string; readonly at: string }[];
  /** The personal one first, what this machine had before it joined last. */
  readonly spaces: readonly SpaceStatus[];
}

export interface MnemeBrief {
  readonly enabled: boolean;
  readonly url: string;
  readonly listening: boolean;
  readonly problem: string | null;
  readonly client: MnemeClientLine;
}

/** What keeps a hub from serving, with what helps. */
async function hubTroubleOf({ config, objects: { bucket }, room }: SatchelNode): Promise<string | null> {
  if (config.hub) await room.look();
  if (config.hub && room.problem !== null) return `${room.problem.message}. ${room.problem.remedy}`;
  if (bucket === undefined) return null;
  if (bucket.problem !== null) return `${bucket.problem.message}. ${bucket.problem.remedy}`;
  const [stopped] = checkStopped(bucket);
  return stopped === undefined ? null : `${stopped.reason} (${stopped.evidence.join('; ')}). ${stopped.next_step ?? ''}`;
}

export const statusOperation = defineOperation({
  input: noInput,
  async run(node): Promise<Status> {
    const spaces = (await Promise.all([...node.spaces.values()].map((open) => statusOf(node, open)))).sort(compareSpaces);
    const { isLive, address, config } = node;
    const left = spaces.length === 0 && !config.hub ? await listLeft(node.store) : [];
    const claudeMem = await memTrouble(node);
    const keeps = config.hub ? await keptSpaces(node) : [];
    const { verdict, inSync } = judgeStatus(
      {
        isLive,
        isHub: config.hub,
        hubTrouble: await hubTroubleOf(node),
        needsHubFlag: !isLive && !config.hub && (await roleOf(node)) === 'hub',
        address,
        now: node.deps.clock.now(),
        left,
        claudeMem,
      },
      spaces,
    );
    const { key, name } = node.deps.machine;
    return {
      verdict,
      in_sync: inSync,
      machine: { id: key.machine, name },
      running: node.isLive,
      address: node.address,
      hub: node.config.hub,
      keeps,
      mneme: await mnemeBrief(node),
      claude_mem: claudeMem,
      left: left.map(({ space, name, at }) => ({ space, name, at: new Date(at).toISOString() })),
      spaces,
    };
  },
});

async function mnemeBrief(node: SatchelNode): Promise<MnemeBrief | null> {
  // The node may have been told otherwise since it read it.
  const config = await loadConfig(node.config.environment);
  const { enabled, url, listening, problem, client } = await mnemeState(node, config.ok ? config.value.mneme : node.config.mneme);
  return enabled || client.url !== null ? { enabled, url, listening, problem, client } : null;
}

async function statusOf(node: SatchelNode, open: OpenSpace): Promise<SpaceStatus> {
  const { entry, replica, runner, sources, rows, secrets } = open;
  const head = await replica.head();
  const counts = await node.store.read((tx) => tx.items.count(entry.space, HOUSEKEEPING_KINDS));
  const { state } = runner;
  const joined = head !== null;
  const revoked = await revocationOf(node, open);
  const keyless = revoked === null ? await missingKey(node, open) : null;
  // Without a key there is no looking into anything.
  const isReadable = keyless === null;
  const projects = joined && isReadable ? await projectFolders(sources) : [];
  return {
    space: entry.space,
    name: entry.name,
    remote: entry.remote?.address ?? null,
    position: head?.position ?? -1,
    words: head === null ? '' : headWords(head.hash),
    items: counts.items,
    bytes: counts.bytes,
    drafts: replica.draftCount,
    role: joined ? (replica.membership.members.get(replica.machine)?.role ?? null) : null,
    conflicts: (await replica.siblings()).length,
    pending: isReadable ? await countPending(node, { sources, rows, replica }) : 0,
    secrets: (await secrets.list()).length,
    projects,
    projects_without_folder: projects.flatMap(({ id, folder }) => (folder === null ? [id] : [])),
    machines: joined ? (await presentMachines(node, open)).length : 0,
    last_sync: iso(state.lastSync),
    revoked,
    problem: keyless?.message ?? state.problem,
    problem_type: keyless === null ? state.problemType : 'no-key',
    remedy: keyless?.remedy ?? null,
    retry_at: iso(state.retryAt),
    recovery_unshown: (await readRecoverySecret(node.home, entry.space)) !== null,
    fallen: joined ? await fallenStatus(node, open) : { own: 0, others: [], recovery_key: false },
    sources: [
      ...(await Promise.all((isReadable ? sources : []).filter(isUsedHere).map((source) => sourceStatus(node, open, source)))),
      ...rows.flatMap(rowsStatus),
    ],
  };
}

async function sourceStatus(node: SatchelNode, open: OpenSpace, tree: TreeSource): Promise<SourceStatus> {
  const { definition, source, health, forms } = tree;
  const current = source.state();
  const [state, detail] = health.problem === null ? stateAt(definition.root, current) : ['failed', health.problem];
  const states = (await forms?.inspect()) ?? [];
  return {
    id: definition.id,
    path: definition.shownAs ?? definition.root,
    state,
    detail,
    unknown: unknownPaths(definition, createNodeFiles({ root: definition.root, random: node.deps.random })),
    skipped: skippedHere(tree).map(({ name, reason, mendable }) => ({ item: name, reason, mendable })),
    needs_value: states.flatMap(({ item, needs }) => needs.map((pointer) => ({ item: item.name, pointer }))),
    missing_values: await missingHere(node, open, tree, states),
    waiting: source.waiting().map(({ name, reason }) => ({ item: name, reason })),
    lacking: source.waiting().filter(({ lacksBody }) => lacksBody === true).length,
    in_the_way: 0,
    unshown: states.flatMap(({ item, problem }) => (problem === null ? [] : [{ item: item.name, reason: problem }])),
  };
}

/** A folder that never was there is no trouble: it is made when something comes for it. */
function stateAt(root: string, current: SourceState): readonly [state: string, detail: string | null] {
  if (current.type !== 'ok') return [current.type, current.message];
  const there = rootState(root);
  if (there === 'file') return ['no-folder', 'a file stands there, and no folder: nothing of it is carried'];
  return ['ok', there === 'missing' ? 'not there yet' : null];
}

/** Of a program that is not on this machine, and of which nothing was brought here, there is nothing to say. */
function isUsedHere({ definition, source, health }: TreeSource): boolean {
  return definition.mayBeMissing !== true || source.state().type !== 'ok' || health.problem !== null || existsSync(definition.root);
}

/** Nothing where there is no such database. */
function rowsStatus({ definition, source, health }: RowSource): SourceStatus[] {
  const current = source.state();
  if (current.type === 'ok' && health.problem === null && !existsSync(definition.file)) return [];
  const state = health.problem === null ? current.type : 'failed';
  const detail = health.problem ?? ('message' in current ? current.message : null);
  const [skipped, unshown] = [source.skipped(), source.waiting()].map((list) => list.map(({ name, reason }) => ({ item: name, reason })));
  return [
    {
      id: definition.id,
      path: definition.file,
      state,
      detail,
      unknown: [],
      skipped: (skipped ?? []).map((entry) => ({ ...entry, mendable: false })),
      needs_value: [],
      missing_values: [],
      waiting: [],
      lacking: source.waiting().filter(({ lacksBody }) => lacksBody === true).length,
      in_the_way: source.waiting().filter(isInTheWay).length,
      unshown: unshown ?? [],
    },
  ];
}

async function projectFolders(sources: OpenSpace['sources']): Promise<SpaceStatus['projects']> {
  const found: { id: string; folder: string | null }[] = [];
  for (const { projects } of sources) {
    if (projects === null) continue;
    const { pathOf } = await projects.paths();
    for (const id of (await projects.registry.projects()).keys()) found.push({ id, folder: pathOf(id) });
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
