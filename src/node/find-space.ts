import type { OpenSpace, SatchelNode } from './node.ts';
import { PERSONAL } from './node.ts';
import { OperationFailure } from './operations/operation.ts';

/** A space by its name, or by the beginning of its id; the personal one where none is named. */
export function findSpace(node: SatchelNode, wanted: string | undefined): OpenSpace {
  const all = [...node.spaces.values()];
  const name = wanted ?? PERSONAL;
  const found = all.filter(({ entry }) => entry.name === name || (name.length >= 6 && entry.space.startsWith(name)));
  if (found.length === 1) return found[0] as OpenSpace;
  if (all.length === 0 && node.config.hub)
    throw new OperationFailure(
      'usage',
      'no-space',
      'a hub has no spaces of its own',
      'Run it on a machine of the space. What this hub keeps for others: satchel status',
    );
  const known = all.map(({ entry }) => entry.name).join(', ');
  if (found.length > 1)
    throw new OperationFailure('usage', 'ambiguous-space', `more than one space is called ${name}`, `Use more of its id: satchel spaces`);
  throw new OperationFailure(
    'usage',
    'no-space',
    `there is no space ${name} here${known === '' ? '' : ` (there is: ${known})`}`,
    all.length === 0 ? 'Run: satchel up, or satchel join' : 'Run: satchel spaces',
  );
}
