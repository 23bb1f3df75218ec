import path from 'node:path';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { FileTree } from '../core/ports/files.ts';
import type { Replica } from '../core/replica/replica.ts';
import type { Workspace } from '../core/replica/workspace.ts';
import { CATEGORIES, type Category } from '../kinds/claude-home/inventory.ts';
import type { InventoryChoice } from '../kinds/claude-home/locate.ts';
import { createConsentWorkspace, type ConsentWorkspace } from '../sources/claude-home/consent-workspace.ts';
import type { FormsWorkspace } from '../sources/claude-home/forms-workspace.ts';
import { openPlaceBook } from '../sources/claude-home/place-book.ts';
import { createProjectsWorkspace } from '../sources/claude-home/projects-workspace.ts';
import { createClaudeForms } from './claude-forms.ts';
import { createClaudeProjects, projectPathsOf, type ClaudeProjects } from './claude-projects.ts';
import { createConsentBook, type SpaceConsents } from './consent-book.ts';
import type { TreeDefinition } from './tree-sources.ts';

/** Categories that travel by now. */
const CARRIED: readonly Category[] = [
  ...(['instructions', 'themes', 'keybindings', 'plans', 'memory', 'sessions', 'history'] as const),
  ...(['settings', 'mcp', 'plugins'] as const),
  ...(['skills', 'agents', 'commands', 'workflows', 'output-styles', 'hooks'] as const),
];

/** The tree that holds .claude.json alone, where it lies beside the Claude home. */
const CLAUDE_JSON = 'claude-json';

/** What of the Claude home is carried: the inventory, by what the user chose. */
export function inventoryChoice({ claude }: Config): InventoryChoice {
  const categories = Object.fromEntries(CATEGORIES.map((id) => [id, CARRIED.includes(id) && claude.categories[id] !== false]));
  return { categories, include: claude.include, exclude: claude.exclude };
}

/** The folders that make up the Claude home. Names in the space are as they are there. */
export function claudeDefinitions(config: Config): TreeDefinition[] {
  const { claudeHome, claudeConfigDir, userHome } = config.environment;
  const choice = inventoryChoice(config);
  const definition = { prefix: '', include: [], exclude: [] };
  // Where CLAUDE_CONFIG_DIR is set, .claude.json lies in the Claude home; else beside it, in HOME.
  if (claudeConfigDir !== null) return [{ ...definition, id: 'claude', root: claudeHome, inventory: choice }];
  const only = (keeps: (id: Category) => boolean) => Object.fromEntries(CATEGORIES.map((id) => [id, keeps(id) && choice.categories[id]]));
  return [
    { ...definition, id: 'claude', root: claudeHome, inventory: { ...choice, categories: only((id) => id !== 'mcp') } },
    {
      ...definition,
      id: CLAUDE_JSON,
      root: userHome,
      inventory: {
        categories: only((id) => id === 'mcp'),
        include: [],
        exclude: choice.exclude.filter((pattern) => !pattern.includes('/')),
      },
      mayBeEmpty: true,
      shownAs: path.join(userHome, '.claude.json'),
    },
  ];
}

/**
 * The decorators of the Claude home between its file-tree source and the replica (docs/decisions/0004):
 * projects (names) → forms (bytes) → consent (what may be put in place) → replica.
 */
export function createClaudeWorkspace(
  inner: Workspace,
  replica: Replica,
  definition: TreeDefinition & { readonly inventory: InventoryChoice },
  deps: { readonly config: Config; readonly clock: Clock; readonly files: FileTree; readonly onPlaced?: () => void },
): ClaudeWorkspace {
  const book = createConsentBook(replica);
  const consent = createConsentWorkspace(inner, {
    book,
    choice: definition.inventory,
    standing: (where) => book.standing(where),
    writersSince: (item, shown) => book.writers.since(item, shown),
  });
  const consents = { book, workspace: consent };
  if (definition.id === CLAUDE_JSON) {
    const forms = createClaudeForms(consent, replica, book, {
      ...deps,
      // As the other tree has them by now.
      projects: async () => projectPathsOf(await openPlaceBook(replica.deps.store, replica.space)),
    });
    return { workspace: forms, consents, forms, projects: null };
  }
  const projects = createClaudeProjects(deps.config, replica, deps.clock);
  const forms = createClaudeForms(consent, replica, book, { ...deps, projects: () => projects.paths() });
  const workspace = createProjectsWorkspace(forms, {
    places: () => projects.places(),
    goneOn: (isHere) => projects.goneOn(isHere),
    outstanding: () => inner.outstanding(),
    onPlaced: deps.onPlaced,
  });
  return { workspace, consents, forms, projects };
}

export interface ClaudeWorkspace {
  readonly workspace: Workspace;
  readonly consents: ClaudeConsents;
  readonly forms: FormsWorkspace;
  /** `null` for .claude.json beside the Claude home. */
  readonly projects: ClaudeProjects | null;
}

/** The answers, and what waits for them. */
export interface ClaudeConsents {
  readonly book: SpaceConsents;
  readonly workspace: ConsentWorkspace;
}
