import type { SearchTerm } from '../../core/ports/text-index.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { wordsOf } from '../../store/text-index/split-words.ts';

/** A longer search is a text that was pasted by mistake. */
const MOST = 64;

/** `retry "upload queue"`: words in any order, and phrases. Anything else in it is no syntax, but text. Fails with what is wrong with it. */
export function parseQuery(query: string): Result<SearchTerm[], string> {
  const terms: SearchTerm[] = [];
  for (const [whole, phrase] of query.matchAll(/"([^"]*)"|\S+/g)) {
    const term = { text: phrase ?? whole, isPhrase: phrase !== undefined };
    const isNew = terms.every(({ text, isPhrase }) => text !== term.text || isPhrase !== term.isPhrase);
    if (isNew && wordsOf(term.text).length > 0) terms.push(term);
  }
  if (terms.length > MOST) return fail(`it has ${terms.length} different words, ${MOST} at most can be searched for`);
  return terms.length === 0 && query.trim() !== '' ? fail('there is no word in it to search for: letters or digits') : ok(terms);
}
