import Database from 'better-sqlite3';

/** Cuts a text into words as FTS5's `unicode61 remove_diacritics 2` does. */
export type SplitText = (text: string) => string[];

/** What becomes of a character: of no word; or what it is in one, `''` for an accent, which stands in words but begins none. */
type Learnt = string | null;

const NOT_ASCII = /[^\u0000-\u007f]/;
const LAST_ASCII = 0x7f;

/**
 * For an index that is none of SQLite's, and has to hold the very same words: each character outside of ASCII is shown to FTS5 once, in a
 * database in memory. So it is another one for another version of FTS5, and never for another Node. Cost: O(size), some 50 MB of ASCII a
 * second; 20 µs for each character that was not seen before.
 */
export function createFts5Words(): SplitText {
  const learn = createLearning();
  const known = new Map<number, Learnt>();

  return (text) => {
    if (!NOT_ASCII.test(text)) return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
    const unknown = new Set<number>();
    for (const character of text) {
      const point = character.codePointAt(0) as number;
      if (point > LAST_ASCII && !known.has(point)) unknown.add(point);
    }
    if (unknown.size > 0) learn([...unknown], known);

    const words: string[] = [];
    for (const [run] of text.matchAll(/[A-Za-z0-9\u0080-\u{10ffff}]+/gu)) {
      if (!NOT_ASCII.test(run)) words.push(run.toLowerCase());
      else pushWords(words, run, known);
    }
    return words;
  };
}

function pushWords(words: string[], run: string, known: ReadonlyMap<number, Learnt>): void {
  let [word, isInside] = ['', false];
  for (const character of run) {
    const point = character.codePointAt(0) as number;
    const learnt = point > LAST_ASCII ? (known.get(point) ?? null) : character.toLowerCase();
    if (learnt !== null && (isInside || learnt !== '')) {
      word += learnt;
      isInside = true;
    } else if (learnt === null && isInside) {
      words.push(word);
      [word, isInside] = ['', false];
    }
  }
  if (isInside) words.push(word);
}

function createLearning(): (points: readonly number[], known: Map<number, Learnt>) => void {
  const database = new Database(':memory:');
  database.exec(`create virtual table texts using fts5(text, tokenize='unicode61 remove_diacritics 2', content='', contentless_delete=1);
    create virtual table words using fts5vocab(texts, instance)`);
  const add = database.prepare('insert into texts (rowid, text) values (?, ?)');
  const remove = database.prepare('delete from texts');
  const words = database.prepare('select doc, term from words order by doc, offset').raw();
  return (points, known) => {
    database.transaction(() => {
      for (const point of points) add.run(point, `a${String.fromCodePoint(point)}b`);
    })();
    for (const [point, term] of words.all() as [number, string][]) {
      // Where it parts words, there are two.
      known.set(point, known.has(point) ? null : term.slice(1, -1));
    }
    remove.run();
  };
}
