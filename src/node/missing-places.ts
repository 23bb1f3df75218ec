import type { Config } from '../config/config.ts';
import { heldRemedy } from './held-remedy.ts';
import { rootState } from './root-state.ts';
import { treeDefinitions } from './tree-sources.ts';

/** A folder that is to be carried, and is none. */
export interface MissingPlace {
  readonly root: string;
  readonly reason: string;
  readonly remedy: string;
}

/** Those that somebody has to mend. A Claude home that is not there yet is none of them: it is made when something comes for it. */
export function missingPlaces(config: Config): MissingPlace[] {
  const named = new Set(config.sources.map(({ id }) => id));
  return treeDefinitions(config).flatMap(({ id, root, mayBeMissing }) => {
    const state = rootState(root);
    if (state === 'file') return [{ root, reason: 'is a file, and no folder', remedy: heldRemedy('no-folder') }];
    if (state === 'missing' && mayBeMissing !== true && named.has(id))
      return [{ root, reason: 'is not there', remedy: `Make the folder, or correct the path of "${id}" in ${config.file}` }];
    return [];
  });
}
