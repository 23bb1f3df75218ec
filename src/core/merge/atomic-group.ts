import type { Item } from '../item.ts';
import type { KindRegistry } from './kind.ts';

/** What an item belongs to of which half helps nobody, as a key; `null` for an item by itself. */
export function atomicGroupOf({ kind, name }: Item, kinds: KindRegistry): string | null {
  const rules = kinds.get(kind);
  const group = rules?.atomicGroups === true ? rules.groupOf(name) : null;
  return group === null ? null : `${kind}\0${group}`;
}
