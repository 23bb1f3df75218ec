import { z } from 'zod';
import { loadConfig } from '../../config/config.ts';
import { choiceFor, type ProjectChoice } from '../../kinds/claude-mem/project-choice.ts';
import { countProjects } from '../../sources/claude-mem/project-counts.ts';
import { isOutOfScope } from '../../sources/sqlite-rows/row-scope.ts';
import { memDatabase } from '../claude-mem/mem-rows.ts';
import { unreadableDatabase } from '../claude-mem/unreadable-database.ts';
import { findSpace } from '../find-space.ts';
import { PERSONAL, type OpenSpace, type SatchelNode } from '../node.ts';
import { isShared } from '../outgoing-answers.ts';
import { saveSettings } from '../save-settings.ts';
import { noInput } from './no-input.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface MemProject {
  readonly project: string;
  /** Rows of it in claude-mem's database here. */
  readonly rows: number;
  /** The space that they go to; `null`: none, they stay on this machine. */
  readonly space: string | null;
  /** The entry of config.json that says so; `null` for none. */
  readonly by: string | null;
}

/** Which projects claude-mem has here, and where their rows go. */
export const claudeMemProjectsOperation = defineOperation({
  input: noInput,
  async run(node): Promise<{ readonly projects: readonly MemProject[]; readonly choices: readonly ProjectChoice[] }> {
    const file = memDatabase(node.config);
    const counts = file === null ? new Map<string, number>() : readCounts(file);
    const { choices } = node.memRows;
    // What was chosen before there is anything of it is listed, too.
    const named = choices.map(({ project }) => project).filter((project) => !project.includes('*'));
    const projects = [...new Set([...counts.keys(), ...named])].toSorted().map((project) => {
      const choice = choiceFor(choices, project);
      const space = choice === undefined ? PERSONAL : choice.space;
      return { project, rows: counts.get(project) ?? 0, space, by: choice?.project ?? null };
    });
    return { projects, choices };
  },
});

export interface ProjectPlaced {
  readonly project: string;
  readonly space: string | null;
  /** Of it in claude-mem's database here; `null`: that cannot be read. */
  readonly rows: number | null;
  /** Items that other spaces have of it since before; they stay there, with their history. */
  readonly carried: readonly { readonly space: string; readonly items: readonly string[] }[];
  /** Others than this person's machines can read the space. */
  readonly shared: boolean;
}

/** Says where a project's rows go from now on, in config.json and at once. O(rows). */
export const placeClaudeMemProjectOperation = defineOperation({
  input: z.strictObject({
    project: z.string().min(1).max(1024),
    to: z.union([
      z.strictObject({ type: z.literal('local') }),
      z.strictObject({ type: z.literal('personal') }),
      z.strictObject({ type: z.literal('space'), space: z.string().min(1).max(64) }),
    ]),
  }),
  async run(node, { project, to }): Promise<ProjectPlaced> {
    if (node.config.hub) throw new OperationFailure('usage', 'hub', 'a hub has no claude-mem of its own');
    const target = to.type === 'local' ? null : findSpace(node, to.type === 'personal' ? undefined : to.space);
    if (target !== null && target.replica.term !== null && !target.replica.canWrite)
      throw new OperationFailure(
        'refused',
        'not-writer',
        `this machine may not write to ${target.entry.name}`,
        'Ask an owner: satchel machines',
      );
    const before = await namesShown(node);
    await choose(node, project, target?.entry.name ?? null);
    for (const { entry } of [...node.spaces.values()]) await node.reopenChanged(entry.space);
    for (const { rows } of node.spaces.values()) for (const { source } of rows) await source.scan();
    const file = memDatabase(node.config);
    return {
      project,
      space: target?.entry.name ?? null,
      rows: file === null ? 0 : countRows(file, project),
      carried: await carriedSince(node, before),
      shared: target !== null && isShared(target.replica),
    };
  },
});

/** Written where it is kept, and taken over. The newest choice comes first: it counts. */
async function choose(node: SatchelNode, project: string, space: string | null): Promise<void> {
  const config = await loadConfig(node.config.environment);
  if (!config.ok)
    throw new OperationFailure('usage', 'config', `config.json is wrong: ${config.error[0]?.message ?? ''}`, 'Run: satchel doctor');
  const others = config.value.claudeMem.projects.filter((choice) => choice.project !== project);
  // Where nothing else is said of it, the personal space needs no entry.
  const isSaid = others.some(({ project: pattern }) => isOf(pattern, project));
  const own = space === null ? [{ project, local: true as const }] : space === PERSONAL && !isSaid ? [] : [{ project, space }];
  const projects = [...own, ...others];
  await saveSettings(node.config.file, ({ claudeMem }) => ({
    claudeMem: { ...(typeof claudeMem === 'object' ? claudeMem : {}), projects },
  }));
  node.memRows.choices = projects.map((choice) => ({ project: choice.project, space: 'space' in choice ? (choice.space ?? null) : null }));
}

/** Throws OperationFailure where the database cannot be read. */
function readCounts(file: string): ReadonlyMap<string, number> {
  try {
    return countProjects(file);
  } catch (error) {
    throw unreadableDatabase(error);
  }
}

/** What was chosen counts all the same where nobody can tell how much it is. */
function countRows(file: string, project: string): number | null {
  try {
    return [...readCounts(file)].reduce((sum, [name, count]) => (isOf(project, name) ? sum + count : sum), 0);
  } catch (error) {
    if (error instanceof OperationFailure && error.type === 'unreadable-database') return null;
    throw error;
  }
}

function isOf(pattern: string, project: string): boolean {
  return choiceFor([{ project: pattern, space: null }], project) !== undefined;
}

/** By space, what stands in the database as its rows. */
async function namesShown(node: SatchelNode): Promise<Map<string, Set<string>>> {
  const shown = new Map<string, Set<string>>();
  for (const open of node.spaces.values()) {
    const names = [...(await viewsOf(open))]
      .filter(({ shown, notHere }) => shown !== null && !isOutOfScope(notHere))
      .map(({ item }) => item.name);
    if (names.length > 0) shown.set(open.entry.name, new Set(names));
  }
  return shown;
}

async function carriedSince(node: SatchelNode, before: ReadonlyMap<string, ReadonlySet<string>>): Promise<ProjectPlaced['carried']> {
  const carried = [];
  for (const open of node.spaces.values()) {
    const names = before.get(open.entry.name);
    const left = (await viewsOf(open)).filter(({ item, notHere }) => isOutOfScope(notHere) && names?.has(item.name) === true);
    if (left.length > 0) carried.push({ space: open.entry.name, items: left.map(({ item }) => item.name).toSorted() });
  }
  return carried;
}

async function viewsOf({ rows }: OpenSpace) {
  const all = await Promise.all(rows.map(({ workspace }) => workspace.views()));
  return all.flatMap((views) => [...views.values()]);
}
