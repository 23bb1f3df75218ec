import type { Item } from '../../core/item.ts';
import { tableOfName } from '../../kinds/claude-mem/names.ts';
import { counted } from '../counted.ts';
import { existsSync } from 'node:fs';
import type { SatchelNode } from '../node.ts';
import type { RowSource } from '../row-sources.ts';
import { heldRemedy } from '../held-remedy.ts';
import { mayNotOpen } from '../../sources/claude-mem-health/may-not-open.ts';
import { TORN } from '../../sources/claude-mem/project-scope.ts';
import type { NamedReason } from '../../sources/file-tree/reports.ts';
import { isInTheWay } from '../../sources/sqlite-rows/write-row.ts';
import { isOutOfScope, OUT_OF_SCOPE } from '../../sources/sqlite-rows/row-scope.ts';
import { failed, passed, some, warned, type Check } from './check.ts';

/** How the rows of another program's database are. Nothing where there is no such database. O(views). */
export async function checkRows(node: SatchelNode, { definition, source, workspace, health }: RowSource): Promise<Check[]> {
  const id = `source:${definition.id}`;
  const state = source.state();
  if (state.type === 'ok' && health.problem === null && !existsSync(definition.file)) return [];
  const checks: Check[] = [];
  if (health.problem !== null && health.problem === source.trouble())
    checks.push(failed(id, 'high', health.problem, 'Run: satchel claude-mem repair open-file', [definition.file]));
  else if (health.problem !== null) {
    const advice = mayNotOpen(definition.file) === null ? `See ${node.home.log}` : 'What a repair would do: satchel claude-mem repair';
    checks.push(failed(id, 'high', `its rows cannot be read or written: ${health.problem}`, advice, [definition.file]));
  } else if (state.type !== 'ok') checks.push(failed(id, 'high', state.message, heldRemedy(state.type), [definition.file]));
  else
    checks.push(
      passed(
        id,
        definition.sessionsOnly
          ? `sessions of ${definition.file} are carried; its worker syncs the rest through a gateway itself`
          : `${definition.file} is carried`,
      ),
    );

  // What its own sync brings is not missed.
  const isMissed = ({ name }: Item): boolean => !definition.sessionsOnly || tableOfName(name) === 'sessions';
  const left = new Map<string, string>();
  const others = [];
  for (const { item, notHere } of (await workspace.views()).values()) {
    if (isOutOfScope(notHere)) left.set(item.name, notHere ?? '');
    else if (notHere !== null && isMissed(item)) others.push({ name: item.name, reason: notHere });
  }
  // Of bodies that nobody has, the space tells.
  const waiting = source.waiting().filter(({ lacksBody }) => lacksBody !== true);
  const [inTheWay, late] = [waiting.filter(isInTheWay), waiting.filter((each) => !isInTheWay(each))];
  const told = (what: string, lines: readonly NamedReason[], says: string, advice: string): void => {
    if (lines.length === 0) return;
    const reason = `${counted(lines.length, 'row', 'rows')} of the space ${lines.length === 1 ? 'is' : 'are'} not in this database${says}`;
    checks.push(warned(`${id}.${what}`, 'low', reason, advice, some(lines.map(({ name, reason }) => `${name}: ${reason}`))));
  };
  told('not-here', others, ', which has no place for them', 'A newer release of claude-mem may hold them');
  told(
    'in-the-way',
    inTheWay,
    ': it has other rows of which it holds one alone',
    'Both are kept. Where they are the same to you, delete one in claude-mem, on any machine that has it; the other is written then',
  );
  told('waiting', late, ' yet', 'They are tried again by themselves; it takes what each one waits for');
  const skipped = [];
  for (const { name, reason } of source.skipped()) {
    if (isOutOfScope(reason) && !reason.endsWith(TORN)) left.set(name, reason);
    else skipped.push(`${name}: ${reason}`);
  }
  if (left.size > 0)
    checks.push(
      passed(
        `${id}.elsewhere`,
        `${counted(left.size, 'row is', 'rows are')} left to another place, by project`,
        some(reasonsOf(left.values())),
      ),
    );
  if (skipped.length > 0)
    checks.push(warned(`${id}.skipped`, 'low', `${counted(skipped.length, 'row is', 'rows are')} not carried`, null, some(skipped)));
  return checks;
}

function reasonsOf(reasons: Iterable<string>): string[] {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count}: ${reason.slice(OUT_OF_SCOPE.length)}`);
}
