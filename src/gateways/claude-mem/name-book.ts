import type { Store } from '../../core/ports/store.ts';
import { isTwin, MEM_PREFIX, tableOfName } from '../../kinds/claude-mem/names.ts';
import { SESSION } from '../../kinds/claude-mem/tables.ts';
import type { Row } from '../../kinds/rows/row-body.ts';
import { digestOf } from './digest.ts';
import { KIND_OF } from './kind-of.ts';
import { nameOf } from './op-rows.ts';
import type { RowsOfSpace } from './rows-of-space.ts';

/**
 * Which item a row is that is told by other words than when it got its name: a source that knows it by its place keeps the name, ops tell a
 * row by its words alone. Without this it would be two.
 */
export interface NameBook {
  /** The item of the row that these words name; the name itself where nothing else is known. */
  of(natural: string): string;
  /** Takes in what an item of the space says now. */
  learn(name: string, row: Row): void;
  /** Takes in that a device tells the item by these words, whatever it says by now: `subject` is what they are to a feed. */
  learnTold(name: string, subject: string): void;
  /** By which words devices tell or told the item, where they were not those that it has. */
  toldAs(name: string): readonly string[];
  /** Keeps what was learnt. */
  save(): Promise<void>;
}

/** What the words of a row name; `null` for what is no row that ops tell of. */
export function naturalName(name: string, row: Row): string | null {
  const table = tableOfName(name);
  const kind = table === null ? null : KIND_OF[table];
  const session = row.get(SESSION);
  // Second rows under one key are told by more than their words.
  return kind === null || typeof session !== 'string' || isTwin(name) ? null : nameOf(kind, row, session);
}

interface Kept {
  readonly natural: string;
  readonly name: string;
}

interface KeptWords {
  readonly subject: string;
  readonly name: string;
}

const LEARNT = 'claude-mem-names-learnt';

/** O(rows of the space) the first time. */
export async function createNameBook({
  store,
  user,
  rows,
}: {
  readonly store: Store;
  readonly user: string;
  readonly rows: RowsOfSpace;
}): Promise<NameBook> {
  const collection = `claude-mem-names/${user}`;
  const words = `claude-mem-told/${user}`;
  const [kept, keptWords, isLearnt] = await store.read(async (tx) => [
    await tx.documents.list<Kept>(collection),
    await tx.documents.list<KeptWords>(words),
    (await tx.documents.get<boolean>(LEARNT, user)) === true,
  ]);
  const names = new Map(kept.map(({ value: { natural, name } }) => [natural, name]));
  const fresh = new Map<string, string>();
  const told = new Map<string, Set<string>>();
  const freshWords: KeptWords[] = [];
  for (const { value } of keptWords) told.set(value.name, (told.get(value.name) ?? new Set()).add(value.subject));

  const book: NameBook = {
    of: (natural) => names.get(natural) ?? natural,
    learn(name, row) {
      const natural = naturalName(name, row);
      if (natural === null || natural === name || names.get(natural) === name) return;
      names.set(natural, name);
      fresh.set(natural, name);
    },
    learnTold(name, subject) {
      const known = told.get(name) ?? new Set();
      if (subject === '' || known.has(subject)) return;
      told.set(name, known.add(subject));
      freshWords.push({ subject, name });
    },
    toldAs: (name) => [...(told.get(name) ?? [])],
    async save() {
      if (fresh.size + freshWords.length === 0) return;
      await store.write(async (tx) => {
        for (const [natural, name] of fresh) await tx.documents.put<Kept>(collection, digestOf(natural), { natural, name });
        for (const each of freshWords) await tx.documents.put<KeptWords>(words, digestOf(`${each.subject}\0${each.name}`), each);
      });
      fresh.clear();
      freshWords.splice(0);
    },
  };
  if (!isLearnt) {
    for (const table of ['observations', 'summaries', 'prompts'])
      for (const [name, row] of await rows.under(`${MEM_PREFIX}${table}/`)) book.learn(name, row);
    await book.save();
    await store.write((tx) => tx.documents.put(LEARNT, user, true));
  }
  return book;
}
