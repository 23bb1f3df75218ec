import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../core/ports/clock.ts';
import { aliasOfPath, aliasOfRemote, isGitAlias, pathOfAlias, type ProjectAlias } from '../../kinds/claude-home/project-alias.ts';
import { projectFolder } from '../../kinds/claude-home/project-folder.ts';
import { findCwd } from '../../kinds/claude-home/session-records.ts';
import { findCheckouts } from './find-checkouts.ts';
import { findCheckout } from './git-checkout.ts';
import type { MachinePaths } from './machine-paths.ts';
import { missingIsNull } from './missing-is-null.ts';

export interface NodePathsOptions {
  readonly home: string;
  readonly claudeHome: string;
  /** Claude Code's own settings file, which lists the folders that it was used in. */
  readonly claudeJson: string;
  readonly clock: Clock;
}

/** What was found on the disk is believed for so long. */
const BELIEVED_MS = 30_000;
/** Transcripts of a folder that are looked into for its path. */
const TRANSCRIPTS = 20;

/** Cost of an answer: some stats; every half minute at most a look at the checkouts in the home. */
export function createNodePaths(options: NodePathsOptions): MachinePaths {
  const { claudeHome, clock } = options;
  let checkouts: { readonly at: number; readonly byAlias: Promise<ReadonlyMap<ProjectAlias, string>> } | null = null;

  const homePath = async (): Promise<string> => (await missingIsNull(realpath(options.home))) ?? options.home;

  const aliasesOf = async (folder: string): Promise<ProjectAlias[]> => {
    const checkout = await findCheckout(folder);
    const remote = checkout?.remote ?? null;
    const git = remote === null || checkout === null ? null : aliasOfRemote(remote, checkout.inner);
    const byPath = aliasOfPath(folder, await homePath());
    return git === null ? [byPath] : [git, byPath];
  };

  const knownPaths = async (): Promise<string[]> => {
    const text = await missingIsNull(readFile(options.claudeJson, 'utf8'));
    return text === null ? [] : projectPaths(text);
  };

  const indexCheckouts = async (): Promise<Map<ProjectAlias, string>> => {
    const byAlias = new Map<ProjectAlias, string>();
    // Where the user runs Claude Code already comes first.
    const folders = [...(await knownPaths()).sort(), ...(await findCheckouts(await homePath()))];
    for (const folder of folders) {
      const checkout = await findCheckout(folder);
      const alias = checkout?.remote == null ? null : aliasOfRemote(checkout.remote, '');
      if (checkout !== null && alias !== null && !byAlias.has(alias)) byAlias.set(alias, checkout.root);
    }
    return byAlias;
  };

  const placeOfCheckout = async (alias: ProjectAlias): Promise<string | null> => {
    if (checkouts === null || Math.abs(clock.now() - checkouts.at) > BELIEVED_MS)
      checkouts = { at: clock.now(), byAlias: indexCheckouts() };
    const cut = alias.indexOf('#');
    const root = (await checkouts.byAlias).get(cut === -1 ? alias : alias.slice(0, cut));
    if (root === undefined) return null;
    return folderAt(cut === -1 ? root : path.join(root, alias.slice(cut + 1)));
  };

  return {
    aliasesOf,
    async placeOf({ aliases }) {
      const remotes = aliases.filter(isGitAlias);
      for (const alias of remotes) {
        const place = await placeOfCheckout(alias);
        if (place !== null) return place;
      }
      if (remotes.length > 0) return null;
      for (const alias of aliases) {
        const wanted = pathOfAlias(alias, await homePath());
        const place = wanted === null ? null : await folderAt(wanted);
        if (place !== null) return place;
      }
      return null;
    },
    async pathOf(folder) {
      const known = (await knownPaths()).find((candidate) => projectFolder(candidate) === folder);
      if (known !== undefined) return known;
      const names = (await missingIsNull(readdir(path.join(claudeHome, 'projects', folder)))) ?? [];
      for (const name of names.filter((entry) => entry.endsWith('.jsonl')).slice(0, TRANSCRIPTS)) {
        const body = await missingIsNull(readFile(path.join(claudeHome, 'projects', folder, name)));
        const cwd = body === null ? null : findCwd(body, folder);
        if (cwd !== null) return cwd;
      }
      return null;
    },
  };
}

/** A folder with its links resolved, or `null`. */
async function folderAt(place: string): Promise<string | null> {
  const real = await missingIsNull(realpath(place));
  const found = real === null ? null : await missingIsNull(stat(real));
  return found?.isDirectory() === true ? real : null;
}

function projectPaths(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    const projects = typeof value === 'object' && value !== null && 'projects' in value ? value.projects : null;
    return typeof projects === 'object' && projects !== null ? Object.keys(projects).filter((name) => path.isAbsolute(name)) : [];
  } catch (error) {
    if (error instanceof SyntaxError) return []; // being written
    throw error;
  }
}
