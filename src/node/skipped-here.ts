import { createNodeFiles } from '../sources/files/node-files.ts';
import type { NamedReason } from '../sources/file-tree/reports.ts';
import { createSystemRandom } from './system.ts';
import type { TreeSource } from './tree-sources.ts';

/** What stands in a tree and is not carried although it would be by its name. */
export interface SkippedHere extends NamedReason {
  /** A file or a folder that is in the way of itself: it is carried once somebody mends it. Links, pipes and the like stay local for good. */
  readonly mendable: boolean;
}

/** O(skipped): looks at what stands there. */
export function skippedHere({ definition, source }: Pick<TreeSource, 'definition' | 'source'>): SkippedHere[] {
  const skipped = source.skipped();
  if (skipped.length === 0) return [];
  const files = createNodeFiles({ root: definition.root, random: createSystemRandom() });
  return skipped.map(({ name, reason, stays }) => {
    const stat = files.stat(name);
    return { name, reason, mendable: !stays && stat.ok && (stat.value.type === 'file' || stat.value.type === 'folder') };
  });
}
