import { expect, vi } from 'vitest';
import type { Content } from '../../src/core/content.ts';
import type { Item } from '../../src/core/item.ts';
import { decodeRow, type Row } from '../../src/kinds/rows/row-body.ts';
import type { SatchelNode } from '../../src/node/node.ts';
import type { createSeededRandom } from '../doubles/seeded-random.ts';
import type { SyncClient } from '../gateways/claude-mem-client.ts';
import { PATIENCE } from '../setup/patience.ts';
import type { MemDatabase } from '../sources/mem-database.ts';

/** When each row was made: by nothing else it is the same all along. */
export const ROWS = [1_760_000_000_001, 1_760_000_000_002, 1_760_000_000_003];
/** What writers write into: a row is known by its title, until it has another one. */
const COLUMNS = ['subtitle', 'text', 'title'];

/** A cell of a row, and what is written into it. */
interface Edit {
  readonly made: number;
  readonly column: string;
  readonly word: string;
}

/** What somebody sees in a cell; `undefined` where the row is not there. */
export type Seen = (made: number, column: string) => unknown;

/** Cells of rows by when these were made, in the order of {@link COLUMNS}. */
export type Cells = Readonly<Record<string, readonly unknown[]>>;

/**
 * What was written into the cells of rows, and what each word was written over: so it is known which words were overwritten by somebody who had
 * seen them, and which must stand in the row or in a conflict.
 */
export class Words {
  readonly #random: Pick<ReturnType<typeof createSeededRandom>, 'below'>;
  readonly #written = new Map<string, { readonly word: string; readonly over: unknown }[]>();
  readonly #deleted = new Map<string, unknown[]>();
  readonly #items = new Map<number, Item>();
  #count = 0;

  constructor(random: Pick<ReturnType<typeof createSeededRandom>, 'below'>) {
    this.#random = random;
  }

  /** A word that was written nowhere, for a cell in which its writer sees what `seen` says; `null` where it sees no such row. */
  next(by: string, seen: Seen): Edit | null {
    const made = this.#anyOf(seen);
    if (made === null) return null;
    const column = COLUMNS[this.#random.below(COLUMNS.length)]!;
    this.#count += 1;
    const word = `${by} ${this.#count}`;
    const cell = `${made} ${column}`;
    this.#written.set(cell, [...(this.#written.get(cell) ?? []), { word, over: seen(made, column) }]);
    return { made, column, word };
  }

  /** When a row was made that somebody deletes, with the words that stand in it; `null` where it is not there. */
  remove(seen: Seen): number | null {
    const made = this.#anyOf(seen);
    if (made === null) return null;
    for (const column of COLUMNS) {
      const cell = `${made} ${column}`;
      this.#deleted.set(cell, [...(this.#deleted.get(cell) ?? []), seen(made, column)]);
    }
    return made;
  }

  /** Every word that nobody overwrote knowingly stands in its row, or beside it in a conflict. */
  async expectAll(node: SatchelNode): Promise<void> {
    const space: Record<string, InSpace | undefined> = await inSpace(node);
    const lost: string[] = [];
    for (const made of ROWS) {
      const there = space[made];
      const states = [...(there === undefined ? [] : [there.row, ...there.beside]), ...(await this.#besideFirst(node, made))];
      for (const column of COLUMNS) {
        const kept = new Set(states.map((each) => each.get(column)));
        for (const word of this.#standing(made, column)) if (!kept.has(word)) lost.push(`${column} of ${made} lost ${word}`);
      }
    }
    expect(lost).toEqual([]);
  }

  /** Takes in which item each row is, while all are there. */
  async learn(node: SatchelNode): Promise<void> {
    for (const [made, { item }] of Object.entries(await inSpace(node))) this.#items.set(Number(made), item);
  }

  /** What a conflict keeps of the item that a row was first: one that was deleted, and is there again by other words, is another one. */
  async #besideFirst(node: SatchelNode, made: number): Promise<Row[]> {
    const item = this.#items.get(made);
    return item === undefined ? [] : besideOf(node, item);
  }

  #anyOf(seen: Seen): number | null {
    const made = ROWS[this.#random.below(ROWS.length)]!;
    return seen(made, 'title') === undefined ? null : made;
  }

  /** Those of a cell that nobody has overwritten knowingly. */
  #standing(made: number, column: string): string[] {
    const written = this.#written.get(`${made} ${column}`) ?? [];
    const over = new Set([...written.map((each) => each.over), ...(this.#deleted.get(`${made} ${column}`) ?? [])]);
    return written.map(({ word }) => word).filter((word) => !over.has(word));
  }
}

const replicaOf = (node: SatchelNode) => [...node.spaces.values()][0]!.replica;

async function rowIn(node: SatchelNode, content: Content | null): Promise<Row | null> {
  const decoded = content === null ? null : decodeRow(await replicaOf(node).bodies.read(content));
  return decoded?.ok === true ? decoded.value : null;
}

async function besideOf(node: SatchelNode, item: Item): Promise<Row[]> {
  const beside = await Promise.all((await replicaOf(node).siblings(item)).map((sibling) => rowIn(node, sibling.content)));
  return beside.filter((each) => each !== null);
}

interface InSpace {
  readonly item: Item;
  readonly row: Row;
  /** The states that a conflict keeps beside it. */
  readonly beside: readonly Row[];
}

/** Observations of a space by when they were made. */
export async function inSpace(node: SatchelNode): Promise<Record<string, InSpace>> {
  const replica = replicaOf(node);
  const states = await replica.exclusive(() => replica.list({ kind: 'claude-mem', prefix: 'claude-mem/observations/' }));
  const found: Record<string, InSpace> = {};
  for (const { item, content } of states) {
    const row = await rowIn(node, content);
    if (row === null) continue;
    const made = String(row.get('created_at_epoch'));
    expect(found[made], `${made} is there twice`).toBeUndefined();
    found[made] = { item, row, beside: await besideOf(node, item) };
  }
  return found;
}

const cellsOf = (cells: (column: string) => unknown): unknown[] => COLUMNS.map((column) => cells(column) ?? null);

export async function spaceCells(node: SatchelNode): Promise<Cells> {
  return Object.fromEntries(Object.entries(await inSpace(node)).map(([made, { row }]) => [made, cellsOf((column) => row.get(column))]));
}

/** What a client that applies the feed holds, its own device's rows too. */
export async function feedCells(client: SyncClient): Promise<Cells> {
  const newest = new Map<string, { revision: bigint; hash: string; payload: Record<string, unknown> | null }>();
  let [since, expected] = ['0', 1n];
  for (;;) {
    const ops = (await client.changes(since)).body['ops'] as { seq: string; body: string; operation_sha256: string }[];
    for (const { seq, body, operation_sha256: hash } of ops) {
      expect(BigInt(seq)).toBe(expected++);
      const says = JSON.parse(body) as { id: string; kind: string; entity_rev: string; payload: Record<string, unknown> | null };
      if (says.kind !== 'observation') continue;
      const before = newest.get(says.id);
      const revision = BigInt(says.entity_rev);
      if (before?.revision === revision) expect(hash).toBe(before.hash);
      if (before === undefined || before.revision < revision) newest.set(says.id, { revision, hash, payload: says.payload });
    }
    const last = ops.at(-1);
    if (last === undefined) break;
    since = last.seq;
  }
  const live = [...newest.values()].flatMap(({ payload }) => (payload === null ? [] : [payload]));
  const told = live.map((payload) => [payload['created_at_epoch'] as string, cellsOf((column) => payload[column])] as const);
  // A row that stands twice is no row that is the same.
  return Object.fromEntries([...told, ...(new Map(told).size === told.length ? [] : [['twice', [live.length]] as const])]);
}

/** What claude-mem's own database holds. */
export function databaseCells({ sql }: MemDatabase): Cells {
  const rows = sql.prepare(`select created_at_epoch, ${COLUMNS.join()} from observations`).raw().all() as [number, ...unknown[]][];
  return Object.fromEntries(rows.map(([made, ...cells]) => [String(made), cells]));
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Until all of these are the same for a while. */
export async function settle(look: () => Promise<readonly Cells[]>): Promise<void> {
  const lookAll = async (): Promise<string[]> => (await look()).map((cells) => JSON.stringify(sorted(cells)));
  const differing = async (): Promise<string[] | null> => {
    const all = await lookAll();
    return all.every((each) => each === all[0]) ? null : all;
  };
  for (let calm = 0; calm < 3;) {
    await vi.waitFor(async () => expect(await differing()).toBeNull(), { ...PATIENCE, interval: 250 });
    const before = await lookAll();
    await sleep(700);
    calm = JSON.stringify(await lookAll()) === JSON.stringify(before) ? calm + 1 : 0;
  }
}

const sorted = (of: Cells): Cells => Object.fromEntries(Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1)));
