import type { SearchTerm } from '../../core/ports/text-index.ts';
import { foldWord, isUnspaced, toIndexed, wordsOf } from '../../store/text-index/split-words.ts';

/** A line of a text around what was searched for. */
export interface Snippet {
  readonly text: string;
  /** Where words of the search stand in it: from and to, UTF-16 units. */
  readonly marks: readonly (readonly [number, number])[];
}

const LENGTH = 180;
const BEFORE = 50;
/** Of a text so much is looked through, characters. */
const LOOKED_AT = 512 * 1024;
const SHORTEST_BEGINNING = 3;
const WORD = /[\p{L}\p{N}\p{Co}][\p{L}\p{N}\p{Co}\p{M}]*/gu;

interface Match {
  readonly from: number;
  readonly to: number;
  readonly needle: number;
}

/** The line that holds most of the words, or where none stands in the text, its beginning. O(size). */
export function snippetOf(text: string, terms: readonly SearchTerm[]): Snippet {
  const line = text.slice(0, LOOKED_AT).replaceAll(/\s+/g, ' ').trim();
  const matches = findAll(line, needlesOf(terms));
  const best = bestOf(matches);
  const from = cutBefore(line, best === null || best.from <= BEFORE ? 0 : best.from - BEFORE);
  const to = cutAfter(line, Math.max(from + LENGTH, best?.to ?? 0));
  const start = from > 0 ? '…' : '';
  const marks = matches
    .filter((match) => match.from >= from && match.to <= to)
    .map((match): [number, number] => [match.from - from + start.length, match.to - from + start.length]);
  return { text: `${start}${line.slice(from, to)}${to < line.length ? '…' : ''}`, marks: joined(marks) };
}

/** How many of the words stand in a text. */
export function countTerms(text: string, terms: readonly SearchTerm[]): number {
  return new Set(findAll(text.slice(0, LOOKED_AT), needlesOf(terms)).map(({ needle }) => needle)).size;
}

/** What is marked: whole words as they are foldWord, and rows of characters of scripts without spaces. */
function needlesOf(terms: readonly SearchTerm[]): string[] {
  const needles = new Set<string>();
  for (const { text, alike = [] } of terms) {
    let row = '';
    for (const word of wordsOf(text)) {
      if (isUnspaced(word)) row += word;
      else needles.add(foldWord(word));
    }
    if (row !== '') needles.add(row);
    for (const word of alike) needles.add(foldWord(word));
  }
  return [...needles];
}

function findAll(line: string, needles: readonly string[]): Match[] {
  const matches: Match[] = [];
  for (const [needle, text] of needles.entries()) {
    if (!isUnspaced(text)) continue;
    for (let at = line.indexOf(text); at !== -1; at = line.indexOf(text, at + text.length))
      matches.push({ from: at, to: at + text.length, needle });
  }
  const spaced = needles.flatMap((text, needle) => (isUnspaced(text) ? [] : [{ text, needle }]));
  for (const found of spaced.length === 0 ? [] : line.matchAll(WORD)) {
    const [word] = found;
    const forms = toIndexed(word).split(' ').map(foldWord);
    const hit = spaced.find(({ text }) =>
      forms.some((form) => form === text || (text.length >= SHORTEST_BEGINNING && form.startsWith(text))),
    );
    if (hit !== undefined) matches.push({ from: found.index, to: found.index + word.length, needle: hit.needle });
  }
  return matches.sort((a, b) => a.from - b.from);
}

/** Where within one line's length most different words stand; the first of equals. */
function bestOf(matches: readonly Match[]): Match | null {
  let [best, most]: [Match | null, number] = [null, 0];
  for (const [index, match] of matches.entries()) {
    const near = new Set<number>();
    for (let next = index; next < matches.length && (matches[next] as Match).to <= match.from + LENGTH - BEFORE; next++)
      near.add((matches[next] as Match).needle);
    if (near.size > most) [best, most] = [match, near.size];
  }
  return best ?? matches[0] ?? null;
}

/** At the beginning of a word, where one is near; never inside a character. */
function cutBefore(line: string, at: number): number {
  const space = at === 0 ? -1 : line.indexOf(' ', at);
  const cut = space !== -1 && space - at < BEFORE / 2 ? space + 1 : at;
  return /[\uDC00-\uDFFF]/.test(line[cut] ?? '') ? cut + 1 : cut;
}

function cutAfter(line: string, at: number): number {
  if (at >= line.length) return line.length;
  const space = line.lastIndexOf(' ', at);
  const cut = space > 0 && at - space < BEFORE / 2 ? space : at;
  return /[\uDC00-\uDFFF]/.test(line[cut] ?? '') ? cut + 1 : cut;
}

function joined(marks: readonly [number, number][]): [number, number][] {
  const result: [number, number][] = [];
  for (const [from, to] of marks) {
    const last = result.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else result.push([from, to]);
  }
  return result;
}
