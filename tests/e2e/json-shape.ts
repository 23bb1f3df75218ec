/** The keys that a note documents: `JSON: {a, b: [{c}], d (null: none)}. …` → a, b, d; and those of other shapes that it names. */
export function documentedShapes(notes: string): string[][] {
  return [...notes.matchAll(/\{/g)]
    .filter((match, _, all) => !all.some((outer) => outer.index < match.index && match.index < endOf(notes, outer.index)))
    .map((match) => keysOf(notes.slice(match.index + 1, endOf(notes, match.index))));
}

function endOf(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    if ('{[('.includes(text[i] as string)) depth += 1;
    else if ('}])'.includes(text[i] as string) && (depth -= 1) === 0) return i;
  }
  throw new Error(`a bracket is not closed: ${text.slice(start, start + 60)}`);
}

function keysOf(body: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  let word = '';
  for (const character of `${body},`) {
    if ('{[('.includes(character)) depth += 1;
    if (depth === 0 && character === ',') {
      const key = /^\s*(\w+)/.exec(word)?.[1];
      if (key !== undefined) keys.push(key);
      word = '';
    } else if (depth === 0) word += character;
    if ('}])'.includes(character)) depth -= 1;
  }
  return keys;
}
