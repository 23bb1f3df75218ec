import { isOwner } from '../../core/log/membership.ts';
import { fallenLines, fallenStatus } from '../fallen-status.ts';
import { PERSONAL, type OpenSpace, type SatchelNode } from '../node.ts';
import { warned, type Check } from './check.ts';

/** What a home that was lost or restored left behind. Nothing where nothing did. */
export async function checkFallen(node: SatchelNode, open: OpenSpace): Promise<Check[]> {
  const { name } = open.entry;
  const fallen = await fallenStatus(node, open);
  const checks: Check[] = [];
  const lines = fallenLines(fallen);
  if (lines.length > 0)
    checks.push(
      warned(
        `space.fallen:${name}`,
        fallen.own > 0 || fallen.others.some(({ revoked }) => !revoked) ? 'medium' : 'low',
        'not all that was in the log came back with its home',
        fallen.others.some(({ revoked }) => !revoked) ? 'Run on the machines named: satchel sync' : null,
        lines,
      ),
    );
  if (fallen.recovery_key)
    checks.push(
      warned(
        `space.recovery-fell:${name}`,
        'high',
        'the recovery key made last fell with the former home: the one before it opens the space again',
        `${isOwner(open.replica.membership, node.deps.machine.key.machine) ? 'Run' : 'Ask an owner'}: satchel keys recovery --replace${name === PERSONAL ? '' : ` --space ${name}`}`,
      ),
    );
  return checks;
}
