import type { Config } from '../config/config.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Replica } from '../core/replica/replica.ts';
import type { Workspace } from '../core/replica/workspace.ts';
import { CATEGORIES, type Category } from '../kinds/claude-home/inventory.ts';
import type { InventoryChoice } from '../kinds/claude-home/locate.ts';
import { createConsentWorkspace, type ConsentWorkspace } from '../sources/claude-home/consent-workspace.ts';
import { createProjectsWorkspace } from '../sources/claude-home/projects-workspace.ts';
import { createClaudeProjects, type ClaudeProjects } from './claude-projects.ts';
import { createConsentBook, type SpaceConsents } from './consent-book.ts';
import type { TreeDefinition } from './tree-sources.ts';

/** Categories that travel by now. */
const CARRIED: readonly Category[] = [
  ...(['instructions', 'themes', 'keybindings', 'plans', 'memory', 'sessions'] as const),
  ...(['skills', 'agents', 'commands', 'workflows', 'output-styles', 'hooks'] as const),
];

/** What of the Claude home is carried: the inventory, by what the user chose. */
export function inventoryChoice({ claude }: Config): InventoryChoice {
  const categories = Object.fromEntries(CATEGORIES.map((id) => [id, CARRIED.includes(id) && claude.categories[id] !== false]));
  return { categories, include: claude.include, exclude: claude.exclude };
}

/** The folders that make up the Claude home. Names in the space are as they are there. */
export function claudeDefinitions(config: Config): TreeDefinition[] {
  const { claudeHome } = config.environment;
  return [{ id: 'claude', root: claudeHome, prefix: '', include: [], exclude: [], inventory: inventoryChoice(config) }];
}

/**
 * The decorators of the Claude home between its file-tree source and the replica (docs/decisions/0004):
 * projects (names) → forms (bytes) → consent (what may be put in place) → replica.
 */
export function createClaudeWorkspace(
  inner: Workspace,
  replica: Replica,
  choice: InventoryChoice,
  deps: { readonly config: Config; readonly clock: Clock; readonly onPlaced?: () => void },
): ClaudeWorkspace {
  const book = createConsentBook(replica);
  const consent = createConsentWorkspace(inner, { book, choice, standing: (where) => book.standing(where) });
  const projects = createClaudeProjects(deps.config, replica, deps.clock);
  const workspace = createProjectsWorkspace(consent, () => projects.places(), deps.onPlaced);
  return { workspace, consents: { book, workspace: consent }, projects };
}

export interface ClaudeWorkspace {
  readonly workspace: Workspace;
  readonly consents: ClaudeConsents;
  readonly projects: ClaudeProjects;
}

/** The answers, and what waits for them. */
export interface ClaudeConsents {
  readonly book: SpaceConsents;
  readonly workspace: ConsentWorkspace;
}
