import { encodeRow } from '../../kinds/rows/row-body.ts';
import type { ScanReport, SourceState } from '../file-tree/reports.ts';
import { applyRound } from './apply-round.ts';
import type { RowsContext } from './context.ts';
import { returnedRows } from './held-back.ts';
import type { FoundRow } from './table-access.ts';

type OlderState = Extract<SourceState, { type: 'older-state' }>;
type Capture = (whole: boolean) => Promise<ScanReport>;

const ROUNDS = 4;

/** What the database says counts: everything that was held of it is captured. O(bytes of the database). */
export async function sendState(context: RowsContext, { gone }: OlderState, capture: Capture): Promise<ScanReport> {
  const { memory, profile } = context;
  for (const name of gone) memory.confirmed.add(name);
  memory.held = null;
  memory.isTrusted = true;
  for (const { id } of profile.tables) memory.index.unskip(id);
  try {
    const report = await capture(true);
    await context.past?.keep({ isAsked: memory.held !== null, file: null });
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
  const { memory, profile, workspace } = context;
  const { index } = memory;
  // Shown as absent they are outstanding, and put in place again.
  await workspace.applied(gone.map((name) => ({ item: { kind: profile.kind, name }, content: null, local: null })));
  for (const name of gone) index.delete(name);
  if (memory.state.type === 'older-state') {
    const isGone = new Set(gone);
    memory.state = { ...memory.state, names: memory.state.names.filter((name) => !isGone.has(name)) };
  }
  const known = older.flatMap((name) => {
    const place = index.of(name);
    return place === undefined || place.rowid === null ? [] : [{ name, table: place.table, rowid: place.rowid }];
  });
  const asFound = new Map<string, string>();
  let left: readonly Spot[] = [...known, ...returnedRows(context)];
  // What is written over may be what others of these rows refer to, which changes them too.
  for (let round = 0; round < ROUNDS && left.length > 0; round += 1) {
    await mark(context, left, asFound);
    try {
      await applyRound(context);
      left = left.filter(({ name }) => memory.putBack.has(name));
    } finally {
      memory.putBack.clear();
    }
  }
  // What could not be put back differs still.
  for (const { id } of profile.tables) index.unskip(id);
  memory.isIndexed = false;
  memory.isOther = true;
  return capture(true);
}

interface Spot {
  readonly name: string;
  readonly table: string;
  readonly rowid: number;
}

/** Has rows be written over as they stand now, where they say what they did first (`asFound`). */
function mark({ memory, database }: RowsContext, spots: readonly Spot[], asFound: Map<string, string>): Promise<void> {
  return database.read(() => {
    const tables = database.tables();
    for (const { name, table, rowid } of spots) {
      const access = tables.get(table);
      const found = access?.at(rowid) ?? null;
      if (access === undefined || found === null) continue;
      const words = ownWords(found);
      if ((asFound.get(name) ?? words) !== words) continue;
      asFound.set(name, words);
      memory.index.set({ name, table, rowid, digest: found.digest, mask: access.shape.mask });
      memory.putBack.add(name);
    }
  });
}

/** What a row says itself, and not by what it refers to. */
function ownWords({ row, parent }: FoundRow): string {
  return `${parent} ${Buffer.from(encodeRow(row)).toString('latin1')}`;
}
