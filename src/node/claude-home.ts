import type { Config } from '../config/config.ts';
import type { Workspace } from '../core/replica/workspace.ts';
import { CATEGORIES, type Category } from '../kinds/claude-home/inventory.ts';
import type { InventoryChoice } from '../kinds/claude-home/locate.ts';
import type { TreeDefinition } from './tree-sources.ts';

/** Categories that travel by now. What could be executed waits for consent, sessions for their projects. */
const CARRIED: readonly Category[] = ['instructions', 'themes', 'keybindings', 'plans', 'memory'];

/** What of the Claude home is carried: the inventory, by what the user chose. */
export function inventoryChoice({ claude }: Config): InventoryChoice {
  const categories = Object.fromEntries(CATEGORIES.map((id) => [id, CARRIED.includes(id) && claude.categories[id] !== false]));
  return { categories, include: claude.include, exclude: [...claude.exclude, 'projects/**'] };
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
export function createClaudeWorkspace(replica: Workspace): Workspace {
  return replica;
}
