import type { Content } from '../../core/content.ts';
import { bytesToHex, hexToBytes, type Revision } from '../../core/ids.ts';
import type { HistoryEntry } from '../../core/ports/store.ts';
import { ContentDamaged, decodeContent, encodeContent } from '../content-codec.ts';
import { checkOf, decodeDelta, depthOfDelta, encodeDelta, LEAST_COMMON, recentDelta, type DeltaBase } from '../content-delta.ts';
import type { HistoryRow } from '../schema.ts';
import { listBatches } from './batches.ts';
import type { TableScope } from './scope.ts';

/** Stored by index: append only. */
export const TYPES = ['put', 'append', 'delete', 'keep', 'collapsed'] as const satisfies readonly HistoryEntry['type'][];
/** Of these, what makes a revision with a content, which others are made from. */
const MAKING: readonly HistoryEntry['type'][] = ['put', 'append'];
const MAKING_NUMBERS = MAKING.map((type) => TYPES.indexOf(type));

/** So many deltas stand one on the other at most; then a content is written whole again. */
const MOST_DEPTH = 64;

const STORED = ['base_position', 'base_ordinal', 'content'] as const;
const PLACED = ['position', 'ordinal', ...STORED] as const;
type Stored = Pick<HistoryRow, (typeof STORED)[number]>;
type Placed = Pick<HistoryRow, (typeof PLACED)[number]>;
type Place = Pick<HistoryRow, 'position' | 'ordinal'>;

/**
 * What the history has of contents: of a body of many pieces only what it adds to that of the revision that it is made from, where
 * that is here. Whole, a transcript of 50 MB would add the list of its 400 pieces with each line. Rows are never changed, and
 * all of a space's go together, so that what a delta stands on stays.
 */
export interface HistoryContents {
  /** The columns of entries that are about to be added, in their order. O(pieces), a look-up for all, and now and then one of up to 65 rows. */
  readonly encode: (space: number, entries: readonly HistoryEntry[]) => Promise<Stored[]>;
  /** The contents of rows, in their order. O(pieces of each), and a look-up for each delta that stands on a row which is not among them. */
  readonly decode: (space: number, rows: readonly Placed[]) => Promise<(Content | null)[]>;
}

/** What is at a place of the history, or is about to be. */
type Base = Place & DeltaBase;

export function createHistoryContents(scope: TableScope): HistoryContents {
  const { dialect, kept } = scope;

  /** Those of these revisions that are here, hold something, and can be read: what is damaged keeps nobody from going on. */
  async function findBases(space: number, revisions: readonly Revision[]): Promise<Map<string, Base>> {
    const bases = new Map<string, Base>();
    for (const batch of listBatches(dialect, revisions)) {
      // Two at least, and in the index's order: of one, or in any other, SQLite would walk the whole history.
      const asked = [...batch, ...batch.slice(0, 1)].map(hexToBytes);
      const query = () =>
        scope.db
          .selectFrom('history')
          .select(['revision', ...PLACED])
          .where('space', '=', space)
          .where('revision', 'in', asked)
          .where('type', 'in', MAKING_NUMBERS)
          .orderBy('revision');
      const rows = await (batch.length === 1 ? kept('history base', [space, ...asked, ...MAKING_NUMBERS], query) : query().execute());
      for (const row of rows) {
        const base = row.content === null ? null : await readBase(space, row, row.content);
        if (base !== null) bases.set(bytesToHex(row.revision), base);
      }
    }
    return bases;
  }

  /** `null`: it is damaged. */
  async function readBase(space: number, row: Placed, bytes: Uint8Array): Promise<Base | null> {
    const { position, ordinal } = row;
    const check = checkOf(bytes);
    const recent = recentDelta(check);
    if (recent !== undefined) return { position, ordinal, ...recent };
    try {
      const content = await contentOf(space, row, new Map(), new Map());
      return { position, ordinal, check, depth: placeBelow(row) === null ? 0 : depthOfDelta(bytes), content };
    } catch (error) {
      if (error instanceof ContentDamaged) return null;
      throw error;
    }
  }

  /** The row at a place and those below it, down to a whole one. */
  async function findChain(space: number, { position, ordinal }: Place): Promise<Placed[]> {
    const columns = PLACED.map((column) => `history.${column}` as const);
    const query = () =>
      scope.db
        .withRecursive('chain(position, ordinal, base_position, base_ordinal, content)', (db) =>
          db
            .selectFrom('history')
            .select(columns)
            .where('space', '=', space)
            .where('position', '=', position)
            .where('ordinal', '=', ordinal)
            .unionAll(
              db
                .selectFrom('chain')
                .innerJoin('history', (join) =>
                  join.onRef('history.position', '=', 'chain.base_position').onRef('history.ordinal', '=', 'chain.base_ordinal'),
                )
                .select(columns)
                .where('history.space', '=', space),
            ),
        )
        .selectFrom('chain')
        .selectAll()
        .limit(MOST_DEPTH + 1);
    return kept('history chain', [space, position, ordinal, space, MOST_DEPTH + 1], query);
  }

  /** `rows` are those that were read, by their places, and takes more; `known` are their contents as far as they are. */
  async function contentOf(space: number, row: Placed, rows: Map<string, Placed>, known: Map<string, Content>): Promise<Content> {
    const above: Placed[] = [];
    let at = row;
    for (;;) {
      const below = placeBelow(at);
      if (below === null || known.has(keyOf(at))) break;
      above.push(at);
      if (above.length > MOST_DEPTH) throw new ContentDamaged();
      const key = keyOf(below);
      if (!rows.has(key)) for (const found of await findChain(space, below)) rows.set(keyOf(found), found);
      const found = rows.get(key);
      if (found === undefined) throw new ContentDamaged();
      at = found;
    }
    let content = known.get(keyOf(at)) ?? decodeContent(bytesOf(at));
    known.set(keyOf(at), content);
    for (const delta of above.toReversed()) {
      content = decodeDelta(bytesOf(delta), { check: checkOf(bytesOf(at)), content });
      known.set(keyOf(delta), content);
      at = delta;
    }
    return content;
  }

  return {
    async encode(space, entries) {
      const wanted = new Set<Revision>();
      for (const { base, content } of entries) if (base !== null && content !== null && mayBeDelta(content)) wanted.add(base);
      const bases = await findBases(space, [...wanted]);
      const stored: Stored[] = [];
      for (const { position, index: ordinal, revision, base, type, content } of entries) {
        const below = base === null ? undefined : bases.get(base);
        const delta = content === null || below === undefined || below.depth === MOST_DEPTH ? null : encodeDelta(content, below);
        const bytes = delta?.bytes ?? (content === null ? null : encodeContent(content));
        const on = delta === null ? undefined : below;
        stored.push({ base_position: on?.position ?? null, base_ordinal: on?.ordinal ?? null, content: bytes });
        if (content === null || bytes === null || !wanted.has(revision) || !MAKING.includes(type)) continue;
        bases.set(revision, { position, ordinal, ...(delta ?? { check: checkOf(bytes), depth: 0, content }) });
      }
      return stored;
    },

    async decode(space, asked) {
      const rows = new Map(asked.map((row) => [keyOf(row), row]));
      const known = new Map<string, Content>();
      const contents: (Content | null)[] = [];
      for (const row of asked) contents.push(row.content === null ? null : await contentOf(space, row, rows, known));
      return contents;
    },
  };
}

/** Where the row stands that a delta is made on; `null`: the content is whole. */
function placeBelow({ base_position: position, base_ordinal: ordinal }: Stored): Place | null {
  return position === null || ordinal === null ? null : { position, ordinal };
}

function keyOf({ position, ordinal }: Place): string {
  return `${position} ${ordinal}`;
}

function mayBeDelta({ pieces }: Content): boolean {
  return pieces.length >= LEAST_COMMON;
}

function bytesOf({ content }: Stored): Uint8Array {
  if (content === null) throw new ContentDamaged();
  return content;
}
