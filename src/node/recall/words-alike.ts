import type { SearchTerm, TextIndex } from '../../core/ports/text-index.ts';
import { isUnspaced, wordsOf } from '../../store/text-index/split-words.ts';

/** A shorter part stands in too many words. */
const SHORTEST = 3;
/** Words that one part stands for, at the most. */
const MOST = 50;

/**
 * The terms, and for a word that nothing holds, not at its beginning either, words that hold it anywhere else. The very same list where there is
 * none. Cost: a look-up a term, and O(words of the index) for each that nothing holds.
 */
export async function withWordsAlike(index: TextIndex, terms: readonly SearchTerm[]): Promise<readonly SearchTerm[]> {
  const found: SearchTerm[] = [];
  for (const term of terms) found.push(await withAlike(index, term));
  return found.some(({ alike }) => alike !== undefined) ? found : terms;
}

async function withAlike(index: TextIndex, term: SearchTerm): Promise<SearchTerm> {
  const [word, ...others] = wordsOf(term.text);
  if (term.isPhrase || word === undefined || others.length > 0 || isUnspaced(word) || Array.from(word).length < SHORTEST) return term;
  if ((await index.search([term], { match: 'all', filter: {}, limit: 1 })).total > 0) return term;
  const alike = await index.wordsWith(word, MOST);
  return alike.length === 0 ? term : { ...term, alike };
}
