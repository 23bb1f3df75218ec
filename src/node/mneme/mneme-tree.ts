import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Replica } from '../../core/replica/replica.ts';
import type { Workspace } from '../../core/replica/workspace.ts';
import { isMnemeFile, MNEME_FILES, MNEME_PREFIX, mnemeKind } from '../../kinds/mneme/names.ts';
import { findFolder } from '../../sources/mneme-files/find-folder.ts';
import { createMnemeProjects, type MnemeProjects } from '../../sources/mneme-files/mneme-projects.ts';
import { createMnemeWorkspace } from '../../sources/mneme-files/mneme-workspace.ts';
import { createStaleWritesWorkspace } from '../../sources/mneme-files/stale-writes-workspace.ts';
import { createWholeFilesWorkspace } from '../../sources/mneme-files/whole-files-workspace.ts';
import type { ClaudeProjects } from '../claude-projects.ts';
import type { TreeDefinition } from '../tree-sources.ts';

export const MNEME_TREE = 'mneme';

/** What no protocol of mneme's carries. */
const NOTES = ['*/handoff.json', '*/briefing.json', '*/briefing-archive/*'];
/** Of one machine alone: its locks, what is not flushed yet, what follows from the rest. */
const NEVER = ['**/.*', '**/*.bak', '**/*.lock', '**/*.wlock', '**/*.tmp', '**/*.pid', '**/*.log'];

/** claude-mneme's memory of all projects. One path a file: what its own sync carries, through whatever server, is left to that. */
export function mnemeDefinitions({ claude, environment }: Config): TreeDefinition[] {
  if (claude.categories['mneme'] === false) return [];
  const home = path.join(environment.userHome, '.claude-mneme');
  const isSynced = watchSettings(path.join(home, 'config.json'));
  return [
    {
      id: MNEME_TREE,
      root: path.join(home, 'projects'),
      prefix: MNEME_PREFIX,
      include: [...MNEME_FILES.map((file) => `*/${file}`), ...NOTES],
      exclude: NEVER,
      mayBeMissing: true,
      kindOf(name) {
        const file = name.slice(name.indexOf('/') + 1);
        return isMnemeFile(file) && isSynced() ? null : mnemeKind(file);
      },
    },
  ];
}

/** Whether the client's settings say, as they are now, that it syncs by itself. Cost of asking: a stat. */
function watchSettings(file: string): () => boolean {
  let read = { version: '', isSynced: false };
  return () => {
    const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
    const version = stat === undefined ? '' : `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
    if (version !== read.version) read = { version, isSynced: version !== '' && saysSynced(file) };
    return read.isSynced;
  };
}

function saysSynced(file: string): boolean {
  try {
    const settings: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const sync = typeof settings === 'object' && settings !== null && 'sync' in settings ? settings.sync : null;
    if (typeof sync !== 'object' || sync === null) return false;
    return 'enabled' in sync && sync.enabled === true && 'serverUrl' in sync && Boolean(sync.serverUrl);
  } catch {
    return false; // not to be read, by the client neither
  }
}

/** Under which ids the projects of a space stand on this machine. */
export function projectsOfMneme(replica: Replica, { book, places }: ClaudeProjects, clock: Clock): MnemeProjects {
  return createMnemeProjects({ store: replica.deps.store, space: replica.space, clock, book, places, findFolder });
}

/** The decorators between the tree of mneme and the space: names → files that can be read → what they were made from. */
export function createMnemeTreeWorkspace(inner: Workspace, projects: MnemeProjects, clock: Clock): Workspace {
  return createMnemeWorkspace(createWholeFilesWorkspace(createStaleWritesWorkspace(inner, clock), clock), projects);
}
