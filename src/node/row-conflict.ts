import type { HistoryEntry, Sibling } from '../core/ports/store.ts';
import { BodyUnavailable } from '../core/replica/workspace.ts';
import { claudeMemKind, mergeOfColumn } from '../kinds/claude-mem/claude-mem-kind.ts';
import { readMemory } from '../kinds/claude-mem/memory.ts';
import { collidedColumns, takeColumns } from '../kinds/rows/collided-columns.ts';
import { decodeRow, encodeRow, type Row } from '../kinds/rows/row-body.ts';
import type { Content } from '../core/content.ts';
import type { OpenSpace, SatchelNode } from './node.ts';

/** A conflict of a row, by column. */
export interface RowConflict {
  /** Of the memory that it is; `null` where it has none. */
  readonly title: string | null;
  /** In which the two stand against each other; `null` where that cannot be told, and the kept row is taken whole. */
  readonly columns: readonly string[] | null;
  /** What is in place, with these columns as the kept row has them; `null` as above. */
  readonly taken: Uint8Array | null;
}

/** How far back what both started from is looked for. */
const ANCESTORS = 64;

/** `null` for what is no row, here or there, and for bodies that cannot be had now. `current`: what is in place. O(ancestors × size). */
export async function rowConflict(
  node: SatchelNode,
  open: OpenSpace,
  { item, base, content }: Sibling,
  current: Content | null,
): Promise<RowConflict | null> {
  if (item.kind !== claudeMemKind.id || content === null) return null;
  const [keptBody, heldBody] = [await bodyOf(open, content), current === null ? null : await bodyOf(open, current)];
  const [kept, held] = [rowOf(keptBody), rowOf(heldBody)];
  const named = heldBody ?? keptBody;
  const title = named === null ? null : titleOf(item.name, named);
  if (kept === null) return null;
  const lineage = base === null ? [] : await lineageOf(node, open, base);
  const [inPlace, ...ancestors] = await Promise.all(
    lineage.map(async (entry) => (entry.content === null ? null : rowOf(await bodyOf(open, entry.content)))),
  );
  if (inPlace === undefined || inPlace === null || held === null) return { title, columns: null, taken: null };
  const began = lineage.at(-1)?.base === null ? [null] : [];
  const known = [...ancestors.filter((row) => row !== null), ...began];
  const columns = collidedColumns(known, inPlace, kept, (column) => mergeOfColumn(item.name, column));
  return { title, columns, taken: columns === null ? null : encodeRow(takeColumns(held, kept, columns)) };
}

/** A revision and those that it was made from, the latest first. */
async function lineageOf(node: SatchelNode, open: OpenSpace, revision: string): Promise<HistoryEntry[]> {
  return node.store.read(async (tx) => {
    const lineage: HistoryEntry[] = [];
    for (let next: string | null = revision; next !== null && lineage.length < ANCESTORS;) {
      const [entry]: HistoryEntry[] = await tx.items.findRevision(open.entry.space, next);
      if (entry === undefined) break;
      lineage.push(entry);
      next = entry.base;
    }
    return lineage;
  });
}

function rowOf(body: Uint8Array | null): Row | null {
  const row = body === null ? null : decodeRow(body);
  return row?.ok === true ? row.value : null;
}

function titleOf(name: string, body: Uint8Array): string | null {
  const memory = readMemory(name, body);
  return memory === null ? null : (memory.title ?? memory.parts[0]?.text ?? null);
}

async function bodyOf(open: OpenSpace, content: Content): Promise<Uint8Array | null> {
  try {
    return await open.replica.bodies.read(content);
  } catch (error) {
    if (error instanceof BodyUnavailable) return null;
    throw error;
  }
}
