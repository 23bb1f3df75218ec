import type { FileTree } from '../core/ports/files.ts';
import { isTemporary } from '../core/ports/files.ts';
import { isUnknown } from '../kinds/claude-home/locate.ts';
import { mayEnter, type TreeDefinition } from './tree-sources.ts';

/**
 * What stands in a Claude home and is unknown to the inventory: it stays local until the user decides. A folder of
 * which nothing is known is one path. Sorted. Looks at names alone; O(files).
 */
export function unknownPaths(definition: TreeDefinition, files: FileTree): string[] {
  const { inventory, mayBeEmpty } = definition;
  if (inventory === undefined || mayBeEmpty === true) return [];
  const { entries } = files.scan({ enters: (folder) => mayEnter(definition, folder) });
  return [...entries]
    .flatMap(([path, { type }]) => {
      const name = path.normalize('NFC');
      if (isTemporary(name) || (type === 'folder' && mayEnter(definition, name))) return [];
      return isUnknown(name, type === 'folder', inventory) ? [type === 'folder' ? `${name}/` : name] : [];
    })
    .toSorted();
}
