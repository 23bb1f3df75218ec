import { statSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import { memDatabase } from './claude-mem/mem-rows.ts';
import { createSystemRandom } from './system.ts';
import { carriesNow, mayEnter, treeDefinitions } from './tree-sources.ts';
import { createNodeFiles } from '../sources/files/node-files.ts';

export interface TreePreview {
  readonly id: string;
  readonly root: string;
  readonly files: number;
  readonly bytes: number;
}

/** What each source would capture, by names and sizes alone. O(files). */
export async function previewTrees(config: Config): Promise<TreePreview[]> {
  const trees = treeDefinitions(config).map((definition) => {
    const files = createNodeFiles({ root: definition.root, random: createSystemRandom() });
    const scan = files.scan({ enters: (folder) => mayEnter(definition, folder) });
    const carried = [...scan.entries].filter(([path, stat]) => stat.type === 'file' && carriesNow(definition, path.normalize('NFC')));
    return {
      id: definition.id,
      root: definition.shownAs ?? definition.root,
      files: carried.length,
      bytes: carried.reduce((sum, [, stat]) => sum + stat.size, 0),
    };
  });
  const file = memDatabase(config);
  const stat = file === null ? undefined : statSync(file, { throwIfNoEntry: false });
  const databases = file === null || stat === undefined ? [] : [{ id: 'claude-mem', root: file, files: 1, bytes: stat.size }];
  return [...trees, ...databases];
}
