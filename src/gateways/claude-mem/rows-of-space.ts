import { itemKey, type Item } from '../../core/item.ts';
import type { HistoryEntry, ItemState } from '../../core/ports/store.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import { claudeMemKind } from '../../kinds/claude-mem/claude-mem-kind.ts';
import { decodeRow, type Row } from '../../kinds/rows/row-body.ts';
import type { Content } from '../../core/content.ts';

export const memItem = (name: string): Item => ({ kind: claudeMemKind.id, name });

/** How far back it is looked for what a row was. */
const VERSIONS = 200;

/** A row, and since which position of the log it is so; `null` for one that waits for its place there. */
export interface PlacedRow {
  readonly row: Row;
  readonly position: number | null;
}

/** The rows of claude-mem in a space, drafts included. */
export interface RowsOfSpace {
  /** `null`: not there, or its body cannot be read now. */
  row(name: string): Promise<Row | null>;
  /** {@link row}, with its place in the log. */
  placed(name: string): Promise<PlacedRow | null>;
  /** Those of the names that are there. */
  there(names: readonly string[]): Promise<Set<string>>;
  /** What a row holds and held, the newest first; of what is no draft any more at most {@link VERSIONS}. */
  versions(name: string): Promise<readonly Content[]>;
  /** As {@link versions}, with what anybody said it was that a merge or a conflict put another state in place of. */
  said(name: string): Promise<readonly Content[]>;
  rowOf(content: Content): Promise<Row | null>;
  /** Whether what cannot be read was erased everywhere, for good. */
  isForgotten(content: Content): Promise<boolean>;
  /**
   * The same rows, each as it was when it was looked up first, and read once; these are looked up at once. What a row is and what it was are of one
   * time: of what lands in between nobody can have made an edit.
   */
  ahead(names: readonly string[]): Promise<RowsOfSpace>;
  /** All that are there under a prefix, by name. O(what is found). */
  under(prefix: string): Promise<Map<string, Row>>;
}

export function createRowsOfSpace(replica: Replica): RowsOfSpace {
  async function rowOf(content: Content): Promise<Row | null> {
    try {
      const row = decodeRow(await replica.bodies.read(content));
      return row.ok ? row.value : null;
    } catch (error) {
      if (error instanceof BodyUnavailable) return null;
      throw error;
    }
  }

  async function states(names: readonly string[]): Promise<Map<string, ItemState>> {
    const found = await replica.visible(names.map(memItem));
    return new Map(
      names.flatMap((name) => {
        const state = found.get(itemKey(memItem(name)));
        return state === undefined ? [] : [[name, state] as const];
      }),
    );
  }

  async function isForgotten(content: Content): Promise<boolean> {
    try {
      await replica.bodies.read(content);
      return false;
    } catch (error) {
      if (error instanceof BodyUnavailable) return error.reason === 'erased';
      throw error;
    }
  }

  /** What a conflict kept, and what a merge collapsed, never was the row. */
  const wasIt = ({ type }: HistoryEntry): boolean => type !== 'keep' && type !== 'collapsed';

  async function past(name: string, state: ItemState | undefined, isMeant: (entry: HistoryEntry) => boolean): Promise<Content[]> {
    const current = state?.content ?? null;
    const history = await replica.deps.store.read((tx) => tx.items.history(replica.space, memItem(name), { limit: VERSIONS }));
    const before = history.filter(isMeant).map(({ content }) => content);
    const byDigest = new Map([current, ...before].flatMap((content) => (content === null ? [] : [[content.digest, content] as const])));
    return [...byDigest.values()];
  }

  const rows: RowsOfSpace = {
    versions: async (name) => past(name, (await states([name])).get(name), wasIt),
    said: async (name) => past(name, (await states([name])).get(name), () => true),
    rowOf,
    isForgotten,
    async ahead(names) {
      const found = new Map<string, Promise<ItemState | undefined>>();
      const first = await states([...new Set(names)]);
      for (const name of names) found.set(name, Promise.resolve(first.get(name)));
      const stateOf = (name: string): Promise<ItemState | undefined> => {
        const begun = found.get(name) ?? states([name]).then((state) => state.get(name));
        found.set(name, begun);
        return begun;
      };
      const readAs = new Map<string, Promise<Row | null>>();
      const once = (content: Content): Promise<Row | null> => {
        const begun = readAs.get(content.digest) ?? rowOf(content);
        readAs.set(content.digest, begun);
        return begun;
      };
      const contentOf = async (name: string): Promise<Content | null> => (await stateOf(name))?.content ?? null;
      const placed = new Map<string, Promise<PlacedRow | null>>();
      return {
        ...rows,
        rowOf: once,
        async row(name) {
          const content = await contentOf(name);
          return content === null ? null : once(content);
        },
        placed(name) {
          const begun = placed.get(name) ?? rows.placed(name);
          placed.set(name, begun);
          return begun;
        },
        async there(of) {
          const contents = await Promise.all(of.map(async (name) => [name, await contentOf(name)] as const));
          return new Set(contents.flatMap(([name, content]) => (content === null ? [] : [name])));
        },
        versions: async (name) => past(name, await stateOf(name), wasIt),
        said: async (name) => past(name, await stateOf(name), () => true),
      };
    },
    there: async (names) => new Set([...(await states(names))].flatMap(([name, { content }]) => (content === null ? [] : [name]))),
    async row(name) {
      const content = (await states([name])).get(name)?.content ?? null;
      return content === null ? null : rowOf(content);
    },
    async placed(name) {
      // Before the look: what lands in between counts as drafted still.
      const isDrafted = replica.isDrafted(memItem(name));
      const state = (await states([name])).get(name);
      if (state === undefined || state.content === null) return null;
      const row = await rowOf(state.content);
      return row === null ? null : { row, position: isDrafted || replica.isDrafted(memItem(name)) ? null : state.position };
    },
    async under(prefix) {
      const found = new Map<string, Row>();
      for (const { item, content } of await replica.exclusive(() => replica.list({ kind: claudeMemKind.id, prefix }))) {
        const row = content === null ? null : await rowOf(content);
        if (row !== null) found.set(item.name, row);
      }
      return found;
    },
  };
  return rows;
}
