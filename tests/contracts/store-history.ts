import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { revisionOf, siblingOf } from '../../src/core/change.ts';
import type { Content, Piece } from '../../src/core/content.ts';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import type { ContentDigest, ObjectId, Revision, SpaceId } from '../../src/core/ids.ts';
import type { Item } from '../../src/core/item.ts';
import type { HistoryEntry, StoreTransaction } from '../../src/core/ports/store.ts';
import type { StoreSubject } from './store.ts';

const SPACE = sha256Hex('space') as SpaceId;
const SESSION: Item = { kind: 'transcript', name: 'projects/p/session.jsonl' };
/** Bytes of history that a line may add, whatever it lies behind: its names, its revision, and what it adds. */
const BYTES_A_LINE = 600;

/** A piece of which nothing else is made. */
function piece(name: string): Piece {
  return { object: sha256Hex(name) as ObjectId, keyId: 1, offset: 0, length: 2_000 };
}

const pieces = (name: string, count: number): Piece[] => Array.from({ length: count }, (_, n) => piece(`${name} ${n}`));

/** The history of one item as the rule makes it: each entry is made from the revision before. */
class Growing {
  readonly entries: HistoryEntry[] = [];
  readonly #item: Item;
  #revision: Revision | null = null;
  #content: Content | null = null;
  #position: number;

  constructor(of = SESSION, from = 1) {
    this.#item = of;
    this.#position = from;
  }

  get pieces(): readonly Piece[] {
    return this.#content?.pieces ?? [];
  }

  /** What the item is now: its pieces, which are all of them, or nothing where it was deleted. */
  becomes(type: 'put' | 'append' | 'delete', made: readonly Piece[], kept: readonly (readonly Piece[])[] = []): HistoryEntry {
    const base = this.#revision;
    const position = this.#position++;
    const of = { item: this.#item, base, position };
    kept.forEach((each, index) => {
      const content = contentOf(`kept ${position} ${index}`, each);
      this.entries.push({ ...of, revision: siblingOf(this.#item, base, content.digest), type: 'collapsed', index, content });
    });
    const content = type === 'delete' ? null : contentOf(`at ${position}`, made);
    const revision = revisionOf(this.#item, base, content?.digest ?? null);
    const entry: HistoryEntry = { ...of, revision, type, index: kept.length, content };
    this.entries.push(entry);
    [this.#revision, this.#content] = [revision, content];
    return entry;
  }

  /** A conflict: the item stays what it is. */
  keeps(made: readonly Piece[]): void {
    const position = this.#position++;
    const content = contentOf(`conflict ${position}`, made);
    const revision = siblingOf(this.#item, this.#revision, content.digest);
    this.entries.push({ item: this.#item, base: this.#revision, position, revision, type: 'keep', index: 0, content });
  }

  appends(added: readonly Piece[] = [piece(`line ${this.#position} of ${this.#item.name}`)]): HistoryEntry {
    return this.becomes('append', [...this.pieces, ...added]);
  }

  /** The last so many pieces are made one. */
  consolidates(count: number): void {
    this.becomes('put', [...this.pieces.slice(0, -count), piece(`${count} at ${this.#position}`)]);
  }
}

function contentOf(name: string, made: readonly Piece[]): Content {
  const size = made.reduce((sum, { length }) => sum + length, 0);
  return { digest: sha256Hex(name) as ContentDigest, size, attributes: { mode: 0o600 }, pieces: made };
}

type Step = { readonly type: 'append' | 'consolidate' | 'put' | 'delete' | 'keep' | 'collapse'; readonly count: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    type: fc.oneof(
      { weight: 20, arbitrary: fc.constant('append' as const) },
      {
        weight: 5,
        arbitrary: fc.constantFrom('consolidate' as const, 'put' as const, 'delete' as const, 'keep' as const, 'collapse' as const),
      },
    ),
    count: fc.nat({ max: 30 }),
  }),
  { maxLength: 150 },
);

function take(growing: Growing, { type, count }: Step, at: number): void {
  if (type === 'append') growing.appends(pieces(`step ${at}`, count % 3));
  else if (type === 'consolidate') growing.consolidates(count + 1);
  else if (type === 'put')
    growing.becomes('put', [...growing.pieces.slice(0, count), piece(`changed ${at}`), ...growing.pieces.slice(count + 1)]);
  else if (type === 'delete') growing.becomes('delete', []);
  else if (type === 'keep') growing.keeps([...growing.pieces, piece(`other ${at}`)]);
  else
    growing.becomes('put', [...growing.pieces, piece(`new ${at}`)], [[...growing.pieces, piece(`old ${at}`)], growing.pieces.slice(count)]);
}

/** What the store is asked for, through its transactions. */
type Run = <T>(work: (tx: StoreTransaction) => Promise<T>) => Promise<T>;

/** Newest first, as both readers give it: of one item, and of records, whose own entries are in their order. */
const ofItem = (entries: readonly HistoryEntry[]): HistoryEntry[] => entries.toReversed();
const byRecord = (entries: readonly HistoryEntry[]): HistoryEntry[] =>
  entries.toSorted((a, b) => b.position - a.position || a.index - b.index);

/** Adds record by record, as a replay does. */
async function add(write: Run, entries: readonly HistoryEntry[]): Promise<void> {
  await write(async (tx) => {
    for (const position of new Set(entries.map((entry) => entry.position)))
      await tx.items.addHistory(
        SPACE,
        entries.filter((entry) => entry.position === position),
      );
  });
}

async function expectHistory(read: Run, entries: readonly HistoryEntry[], item = SESSION): Promise<void> {
  expectSame(await read((tx) => tx.items.history(SPACE, item, { limit: 10_000 })), ofItem(entries));
  expectSame(await read((tx) => tx.items.historyByPosition(SPACE, { limit: 10_000 })), byRecord(entries));
}

/** Of hundreds of thousands of pieces: vitest takes a second to compare what Node does in a fraction, and says what differs. */
function expectSame(found: readonly HistoryEntry[], expected: readonly HistoryEntry[]): void {
  if (!isDeepStrictEqual(found, expected)) expect(found).toEqual(expected);
}

/** What a store keeps of bodies of many pieces. Tests of {@link describeStoreContract}; `subject` is the open one. */
export function historyOfManyPieces(subject: () => StoreSubject, reopened: () => Promise<void>): void {
  const write: Run = (work) => subject().store.write(work);
  const read: Run = (work) => subject().store.read(work);

  it('adds of a body that grows what it grew by, however many pieces it has', async () => {
    const growing = new Growing();
    growing.becomes('put', pieces('long', 400));
    await add(write, growing.entries);
    const before = await subject().historyBytes?.();
    for (let line = 0; line < 600; line += 1) growing.appends();
    await add(write, growing.entries.slice(1));
    const after = await subject().historyBytes?.();
    if (before !== undefined && after !== undefined) expect((after - before) / 600).toBeLessThan(BYTES_A_LINE);
    await expectHistory(read, growing.entries);
  });

  it('adds little where the end of such a body is made one again and again', async () => {
    const growing = new Growing();
    growing.becomes('put', pieces('long', 400));
    await add(write, growing.entries);
    const before = await subject().historyBytes?.();
    for (let line = 0; line < 300; line += 1) {
      growing.appends();
      if (line % 64 === 63) growing.consolidates(64);
    }
    await add(write, growing.entries.slice(1));
    const after = await subject().historyBytes?.();
    if (before !== undefined && after !== undefined) expect((after - before) / 300).toBeLessThan(BYTES_A_LINE);
    await expectHistory(read, growing.entries);
  });

  it('gives each revision of it alone, and any part of its history', async () => {
    const [growing, other] = [new Growing(), new Growing({ kind: 'transcript', name: 'other' }, 1_000)];
    for (const each of [growing, other]) each.becomes('put', pieces(`of ${each.entries.length}`, 40));
    for (let line = 0; line < 200; line += 1) for (const each of [growing, other]) each.appends();
    await add(write, [...growing.entries, ...other.entries]);
    await reopened();
    for (const at of [0, 1, 2, 63, 64, 65, 66, 129, 130, 199]) {
      const entry = growing.entries[at] as HistoryEntry;
      expect(await read((tx) => tx.items.findRevision(SPACE, entry.revision))).toEqual([entry]);
      expect(await read((tx) => tx.items.history(SPACE, SESSION, { before: entry.position + 1, limit: 1 }))).toEqual([entry]);
      expect(await read((tx) => tx.items.historyByPosition(SPACE, { before: entry.position + 1, limit: 3 }))).toEqual(
        byRecord(growing.entries.slice(Math.max(0, at - 2), at + 1)),
      );
    }
    const both = await read((tx) => tx.items.historyByPosition(SPACE, { before: other.entries[100]?.position as number, limit: 150 }));
    expect(both).toEqual(byRecord([...growing.entries.slice(-50), ...other.entries.slice(0, 100)]));
  });

  it('goes on with it wherever its history begins, added at once or record by record, again or after it was cleared', async () => {
    const growing = new Growing();
    growing.becomes('put', pieces('long', 100));
    for (let line = 0; line < 150; line += 1) growing.appends();
    const late = growing.entries.slice(30); // what they are made from is not here
    await write((tx) => tx.items.addHistory(SPACE, late));
    await expectHistory(read, late);
    await add(write, late);
    await expectHistory(read, late);
    await write((tx) => tx.items.addHistory(SPACE, growing.entries));
    await expectHistory(read, growing.entries);
    await write((tx) => tx.items.clear(SPACE));
    await expectHistory(read, []);
    await add(write, late);
    await expectHistory(read, late);
  });

  it('leaves nothing of what was rolled back, and goes on with what is there', async () => {
    const [growing, lost] = [new Growing(), new Growing()];
    for (const each of [growing, lost]) {
      each.becomes('put', pieces('long', 100));
      for (let line = 0; line < 5; line += 1) each.appends(pieces(`${line}`, 1));
    }
    const common = growing.entries.length;
    await add(write, growing.entries);
    lost.appends(pieces('lost', 20));
    const rolledBack = async (tx: StoreTransaction): Promise<void> => {
      await tx.items.addHistory(SPACE, lost.entries.slice(common));
      throw new Error('rolled back');
    };
    await expect(write(rolledBack)).rejects.toThrow('rolled back');
    growing.appends(pieces('other', 1)); // another body of that revision's digest: what was rolled back is not its base
    growing.appends();
    await add(write, growing.entries.slice(common));
    await expectHistory(read, growing.entries);
  });

  it('is what was added, whatever became of the body', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 40 }), steps, fc.boolean(), async (length, taken, atOnce) => {
        await write((tx) => tx.items.clear(SPACE));
        const growing = new Growing();
        growing.becomes('put', pieces('begins', length));
        taken.forEach((step, at) => take(growing, step, at));
        if (atOnce) await write((tx) => tx.items.addHistory(SPACE, growing.entries));
        else await add(write, growing.entries);
        await expectHistory(read, growing.entries);
        for (const entry of growing.entries.slice(0, 5))
          expect(await read((tx) => tx.items.findRevision(SPACE, entry.revision))).toEqual([entry]);
      }),
      { numRuns: 30 },
    );
  });
}
