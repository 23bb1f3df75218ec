import { encodeCanonical, type Canonical } from '../canonical.ts';
import { Malformed, parseCanonical, readBytes, readCount, readFields, readHex, readHexOrNull, readList } from '../canonical-fields.ts';
import { sha256, sha256Hex } from '../crypto/hash.ts';
import { bytesToHex, hexToBytes, type CommitKey, type Revision, type SpaceId } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { decodeContent, encodeContent, readItem } from '../log/commit-codec.ts';
import type { ItemState, Sibling, StoreTransaction } from '../ports/store.ts';
import type { Result } from '../result.ts';
import { KEY_BYTES, type UsedCommits } from './used-commits.ts';

/**
 * The state of a space at a position as pages (docs/formats.md § Checkpoints), made and read one after the other: a state may
 * be of millions of items and commits, which are never in memory together.
 */
export interface State {
  /** Ordered by kind and name, {@link ITEMS_PER_PAGE} at a time. */
  readonly items: AsyncIterable<readonly ItemState[]> | Iterable<readonly ItemState[]>;
  /** Ordered by their ids. */
  readonly siblings: readonly Sibling[];
  /** What valid records up to the position landed, carried commits included. */
  readonly used: UsedCommits;
}

/** What one page says. */
export type StatePart =
  | { readonly type: 'items'; readonly items: readonly ItemState[] }
  | { readonly type: 'siblings'; readonly siblings: readonly Sibling[] }
  | { readonly type: 'used'; readonly used: readonly CommitKey[] };

const ITEMS_PER_PAGE = 2_000;
const COMMITS_PER_PAGE = 32_768;

/** What the log made of the space. Items are read while the pages are made, inside the same transaction. */
export async function readState(tx: StoreTransaction, space: SpaceId, used: UsedCommits): Promise<State> {
  const siblings = [...(await tx.items.siblings(space))].sort((a, b) => (a.sibling < b.sibling ? -1 : 1));
  return { items: listItems(tx, space), siblings, used };
}

async function* listItems(tx: StoreTransaction, space: SpaceId): AsyncGenerator<readonly ItemState[]> {
  for (let last: ItemState | undefined; ;) {
    const after = last === undefined ? {} : { after: last.item };
    const page: readonly ItemState[] = await tx.items.list(space, { limit: ITEMS_PER_PAGE, deleted: true, ...after });
    if (page.length > 0) yield page;
    if (page.length < ITEMS_PER_PAGE) return;
    last = page.at(-1);
  }
}

/** The pages of a state, in their one order. Cost: O(state); memory: one page. */
export async function* statePages(state: State): AsyncGenerator<Uint8Array> {
  for await (const part of state.items) yield encodeCanonical(['items', part.map(itemFields)]);
  for (let i = 0; i < state.siblings.length; i += ITEMS_PER_PAGE) {
    yield encodeCanonical(['siblings', state.siblings.slice(i, i + ITEMS_PER_PAGE).map(siblingFields)]);
  }
  for (const part of state.used.pages(COMMITS_PER_PAGE)) yield encodeCanonical(['used', part]);
}

/** A digest over pages in order: machines at one position have the same. */
export class StateDigest {
  readonly #hashes: Uint8Array[] = [];

  add(page: Uint8Array): void {
    this.#hashes.push(sha256(page));
  }

  get hex(): string {
    return sha256Hex('satchel/v1/state\0', Buffer.concat(this.#hashes));
  }
}

/** Foreign bytes → what the page says. Never throws. */
export function parsePage(page: Uint8Array): Result<StatePart, string> {
  return parseCanonical('a page of the checkpoint is malformed', page, LIMITS.objectExpanded, (value): StatePart => {
    const [type, entries] = readFields(value, 2);
    if (type === 'items') return { type, items: readList(entries, ITEMS_PER_PAGE).map(parseItemState) };
    if (type === 'siblings') return { type, siblings: readList(entries, ITEMS_PER_PAGE).map(parseSibling) };
    if (type === 'used') return { type, used: parseKeys(readBytes(entries)) };
    throw new Malformed('unknown type');
  });
}

function parseKeys(bytes: Uint8Array): CommitKey[] {
  if (bytes.length % KEY_BYTES !== 0) throw new Malformed('it is no list of commits');
  return Array.from(
    { length: bytes.length / KEY_BYTES },
    (_, i) => bytesToHex(bytes.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES)) as CommitKey,
  );
}

function itemFields(state: ItemState): Canonical {
  const content = state.content === null ? null : encodeContent(state.content);
  return [state.item.kind, state.item.name, hexToBytes(state.revision), state.position, content];
}

function parseItemState(value: Canonical): ItemState {
  const [kind, name, revision, position, content] = readFields(value, 5);
  return {
    item: readItem(kind, name),
    revision: readHex(revision) as Revision,
    position: readCount(position),
    content: content === null ? null : decodeContent(content as Canonical),
  };
}

function siblingFields(sibling: Sibling): Canonical {
  const content = sibling.content === null ? null : encodeContent(sibling.content);
  const base = sibling.base === null ? null : hexToBytes(sibling.base);
  return [sibling.item.kind, sibling.item.name, hexToBytes(sibling.sibling), base, sibling.position, content];
}

function parseSibling(value: Canonical): Sibling {
  const [kind, name, sibling, base, position, content] = readFields(value, 6);
  return {
    item: readItem(kind, name),
    sibling: readHex(sibling) as Revision,
    base: readHexOrNull(base) as Revision | null,
    position: readCount(position),
    content: content === null ? null : decodeContent(content as Canonical),
  };
}
