import type { ScanReport, SourceState } from '../file-tree/reports.ts';
import { applyRound } from './apply-round.ts';
import type { RowsContext } from './context.ts';
import { returnedRows } from './held-back.ts';

type OlderState = Extract<SourceState, { type: 'older-state' }>;
type Capture = (whole: boolean) => Promise<ScanReport>;

/** What the database says counts: everything that was held of it is captured. O(bytes of the database). */
export async function sendState(context: RowsContext, { gone }: OlderState, capture: Capture): Promise<ScanReport> {
  const { memory, profile } = context;
  for (const name of gone) memory.confirmed.add(name);
  memory.held = null;
  memory.isTrusted = true;
  for (const { id } of profile.tables) memory.index.unskip(id);
  try {
    const report = await capture(true);
    await context.past?.noteAsked(memory.held !== null);
    return report;
  } finally {
    memory.isTrusted = false;
  }
}

/**
 * What the space has counts: it is written over what was held, as that stood when this began. What its program changes meanwhile goes on being held.
 * O(bytes of the database).
 */
export async function putStateBack(context: RowsContext, { gone, older }: OlderState, capture: Capture): Promise<ScanReport> {
  const { memory, profile, workspace, database } = context;
  const { index } = memory;
  // Shown as absent they are outstanding, and put in place again.
  await workspace.applied(gone.map((name) => ({ item: { kind: profile.kind, name }, content: null, local: null })));
  for (const name of gone) index.delete(name);
  const known = older.flatMap((name) => {
    const place = index.of(name);
    return place === undefined || place.rowid === null ? [] : [{ name, table: place.table, rowid: place.rowid }];
  });
  await database.read(() => {
    const tables = database.tables();
    for (const { name, table, rowid } of [...known, ...returnedRows(context)]) {
      const access = tables.get(table);
      const found = access?.at(rowid) ?? null;
      if (access === undefined || found === null) continue;
      index.set({ name, table, rowid, digest: found.digest, mask: access.shape.mask });
      memory.putBack.add(name);
    }
  });
  const goneNames = new Set(gone);
  try {
    if (memory.state.type === 'older-state')
      memory.state = { ...memory.state, names: memory.state.names.filter((name) => !goneNames.has(name)) };
    await applyRound(context);
  } finally {
    memory.putBack.clear();
  }
  // What could not be put back differs still.
  for (const { id } of profile.tables) index.unskip(id);
  memory.isIndexed = false;
  memory.isOther = true;
  return capture(true);
}
