import { compareDecimals } from '../../gateways/claude-mem/decimal.ts';
import { ownRowToOp, type DeviceRow } from '../../gateways/claude-mem/own-row-op.ts';
import type { Op } from '../../gateways/claude-mem/schema.ts';
import type { ToldState } from '../../sources/claude-mem/told-states.ts';

/**
 * The op that a worker would push for its row as it stands. Where the worker told of another state under this revision, or of a later one
 * (another program wrote the row since), it takes the next one: so does what is pushed for it, or two feeds would tell two states under one.
 * `null` for a row that nobody could apply.
 */
export function opOfWorker(device: string, row: DeviceRow, toldStates: ReadonlyMap<string, readonly ToldState[]>): Op | null {
  const op = ownRowToOp(device, row);
  const told = op === null ? [] : (toldStates.get(op.says.id) ?? []);
  const last = told.reduce((most, { revision }) => (compareDecimals(revision, most) > 0 ? revision : most), row.revision);
  const isOther = told.some(({ revision, digest }) => revision === row.revision && digest !== op?.digest);
  if (op === null || (last === row.revision && !isOther)) return op;
  return ownRowToOp(device, { ...row, revision: (BigInt(last) + 1n).toString() });
}
