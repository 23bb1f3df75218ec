import { counted } from '../counted.ts';
import { existsSync } from 'node:fs';
import type { SatchelNode } from '../node.ts';
import type { RowSource } from '../row-sources.ts';
import { heldRemedy } from '../held-remedy.ts';
import { failed, passed, some, warned, type Check } from './check.ts';

/** How the rows of another program's database are. Nothing where there is no such database. O(views). */
export async function checkRows(node: SatchelNode, { definition, source, workspace, health }: RowSource): Promise<Check[]> {
  const id = `source:${definition.id}`;
  const state = source.state();
  if (state.type === 'ok' && health.problem === null && !existsSync(definition.file)) return [];
  const checks: Check[] = [];
  if (health.problem !== null)
    checks.push(failed(id, 'high', `its rows cannot be read or written: ${health.problem}`, `See ${node.home.log}`, [definition.file]));
  else if (state.type !== 'ok') checks.push(failed(id, 'high', state.message, heldRemedy(state.type), [definition.file]));
  else
    checks.push(
      passed(
        id,
        definition.sessionsOnly
          ? `sessions of ${definition.file} are carried; its worker syncs the rest through a gateway itself`
          : `${definition.file} is carried`,
      ),
    );

  const notHere = [...(await workspace.views()).values()].filter((view) => view.notHere !== null);
  const lines = [...notHere.map(({ item, notHere: why }) => ({ name: item.name, reason: why ?? '' })), ...source.waiting()];
  if (lines.length > 0)
    checks.push(
      warned(
        `${id}.not-here`,
        'low',
        `${counted(lines.length, 'row of another machine is', 'rows of other machines are')} not in this database`,
        'A newer release of claude-mem may hold them',
        some(lines.map(({ name, reason }) => `${name}: ${reason}`)),
      ),
    );
  const skipped = source.skipped().map(({ name, reason }) => `${name}: ${reason}`);
  if (skipped.length > 0)
    checks.push(warned(`${id}.skipped`, 'low', `${counted(skipped.length, 'row is', 'rows are')} not carried`, null, some(skipped)));
  return checks;
}
