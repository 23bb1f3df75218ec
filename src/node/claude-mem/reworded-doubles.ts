import { GATEWAY_DEVICE } from '../../gateways/claude-mem/make-op.ts';
import { ownRowToOp } from '../../gateways/claude-mem/own-row-op.ts';
import type { ServedRows } from '../../gateways/claude-mem/served-rows.ts';
import { traitsOf } from '../../gateways/claude-mem/traits.ts';
import type { Ailment, Repaired } from '../../sources/claude-mem-health/ailment.ts';
import { keepDatabase } from '../../sources/claude-mem-health/keep-copy.ts';
import { changeIn } from '../../sources/claude-mem-health/mem-tables.ts';
import { OWN_TABLES, readStandingRows, type StandingRow } from '../../sources/claude-mem/own-rows.ts';
import { counted } from '../counted.ts';
import type { PullLook } from './wedged-pull.ts';

/** The same row twice: as it came by another way, edited since, and as it was served, which its client took for another one. */
interface Pair {
  readonly edited: StandingRow;
  readonly served: StandingRow;
}

/**
 * Rows that stand twice under different words: before 2026-12 a row that a worker had from another node's gateway, and that was edited beside it,
 * was served to it once more by its own. `takeIn` tells the space of what was edited. O(feed + rows).
 */
export async function findRewordedDoubles({ file, device, feed }: PullLook, takeIn: () => Promise<unknown>): Promise<Ailment | null> {
  const found = pairsIn(file, device, await feed.rows());
  if (found.length === 0) return null;
  const rows = counted(found.length, 'row stands', 'rows stand');
  return {
    id: 'edited-doubles',
    result: 'warn',
    severity: 'medium',
    reason: `${rows} twice in claude-mem’s database: as it was edited here, and as it is served`,
    evidence: [...new Set(found.map(({ edited }) => OWN_TABLES[edited.kind]))].map(
      (table) => `${table}: ${found.filter(({ edited }) => OWN_TABLES[edited.kind] === table).length}`,
    ),
    would: [
      `remove ${counted(found.length, 'row')} of which the edited one stays, and is marked as what is served`,
      'capture what was edited, so that all machines have it',
    ],
    advice: null,
    async repair(backups): Promise<Repaired> {
      const backup = await keepDatabase(file, backups, 'claude-mem');
      const pairs = pairsIn(file, device, await feed.rows());
      for (const pair of pairs) joinPair(file, pair);
      await takeIn();
      return {
        type: 'done',
        lines: [`${counted(pairs.length, 'row')} that stood there twice is there once, as it was edited.`],
        backup,
        rescued: [],
      };
    },
  };
}

function pairsIn(file: string, device: string, feed: ServedRows): Pair[] {
  const edited: { readonly row: StandingRow; readonly traits: readonly string[] }[] = [];
  const served = new Map<string, StandingRow[]>();
  for (const page of readStandingRows(file)) {
    for (const row of page) {
      const op = ownRowToOp('satchel-look', { ...row, revision: '1' });
      if (op === null || op.says.kind === 'mutation' || op.says.deleted) continue;
      const traits = traitsOf(row.kind, op.says.payload);
      const told = feed.get(row.kind, row.origin?.device ?? device, row.origin?.local ?? row.local);
      const isServed = told !== undefined && told.subject !== '';
      if (told === undefined && row.origin !== null) edited.push({ row, traits });
      else if (isServed && row.origin?.device === GATEWAY_DEVICE)
        for (const trait of traits) served.set(`${row.kind} ${trait}`, [...(served.get(`${row.kind} ${trait}`) ?? []), row]);
    }
  }
  const pairs: Pair[] = [];
  for (const { row, traits } of edited) {
    const alike = [...new Set(traits.flatMap((trait) => served.get(`${row.kind} ${trait}`) ?? []))];
    const [other] = alike;
    // Of several nobody knows which; a row that others are alike to as well is no double for sure.
    if (other !== undefined && alike.length === 1 && pairs.every((pair) => pair.served !== other))
      pairs.push({ edited: row, served: other });
  }
  return pairs;
}

/** In one transaction: the edited one takes the place, and the name, of what was served. */
function joinPair(file: string, { edited, served }: Pair): void {
  const table = OWN_TABLES[edited.kind];
  changeIn(file, (database) => {
    const { changes } = database
      .prepare(`DELETE FROM ${table} WHERE id = ? AND origin_device_id IS ? AND origin_local_id IS ?`)
      .run(served.local, served.origin?.device ?? null, served.origin?.local ?? null);
    if (changes === 0) return;
    database
      .prepare(`UPDATE ${table} SET origin_device_id = ?, origin_local_id = ?, sync_rev = ? WHERE id = ?`)
      .run(served.origin?.device ?? null, served.origin?.local ?? null, served.revision, edited.local);
  });
}
