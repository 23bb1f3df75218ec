import path from 'node:path';
import type { Config } from '../../config/config.ts';
import { Mutex } from '../../core/replica/mutex.ts';
import type { ProjectChoice } from '../../kinds/claude-mem/project-choice.ts';
import { createProjectScope } from '../../sources/claude-mem/project-scope.ts';
import type { RowScope } from '../../sources/sqlite-rows/row-scope.ts';
import type { NodeHome } from '../home.ts';
import { isLeftBehind } from '../operations/status-verdict.ts';
import type { RowDefinition } from '../row-sources.ts';
import type { KeptRowNames } from './row-names.ts';
import { canSyncItself } from './can-sync-itself.ts';
import { isCarriedByGateway, readSyncPath } from './sync-path.ts';

/** Whose rows of claude-mem's one database go where: to a person's own space, what was shared to others', and some nowhere. */
export interface MemRows {
  /** What config.json says, until it is changed by a command. */
  choices: readonly ProjectChoice[];
  /** Sources of the database take turns. */
  readonly turns: Mutex;
  /** The database as rows of this space, if any are. One path a database: what a gateway carries is left to it. */
  definitions(space: string, names: KeptRowNames): Promise<RowDefinition[]>;
  scopeFor(space: string, names: KeptRowNames): RowScope;
}

export interface MemRowsDeps {
  readonly config: Config;
  readonly home: NodeHome;
  /** The name of a person's own space. */
  readonly personal: string;
  /** The rows of all spaces that are open. */
  readonly names: () => readonly KeptRowNames[];
}

/** claude-mem's database, where the user left it switched on. */
export function memDatabase({ claude, environment }: Config): string | null {
  return claude.categories['claude-mem'] === false ? null : path.join(environment.claudeMemHome, 'claude-mem.db');
}

export function createMemRows({ config, home, personal, names: all }: MemRowsDeps): MemRows {
  const { claude, claudeMem, environment } = config;
  const rows: MemRows = {
    choices: claudeMem.projects.map(({ project, space }) => ({ project, space: space ?? null })),
    turns: new Mutex(),
    async definitions(space, names) {
      const file = memDatabase(config);
      if (config.hub || isLeftBehind(space) || file === null) return [];
      const { choices } = rows;
      const about = { file, choices };
      if (space === personal) {
        const sessionsOnly = isCarriedByGateway(await readSyncPath(home, environment.claudeMemHome)) && canSyncItself(file);
        return [{ id: 'claude-mem', ...about, toolUses: claude.categories['claude-mem-tool-uses'] === true, sessionsOnly }];
      }
      await names.refresh();
      if (names.size === 0 && choices.every((choice) => choice.space !== space)) return [];
      // What tools were given and gave back is for a person's own machines.
      return [{ id: `claude-mem:${space}`, ...about, toolUses: false, sessionsOnly: false }];
    },
    scopeFor: (space, names) =>
      createProjectScope({
        space,
        choices: rows.choices,
        others: () => all().filter((each) => each.space !== space && !isLeftBehind(each.space)),
        own: space === personal ? null : names,
      }),
  };
  return rows;
}
