import { itemKey, type Item } from '../../core/item.ts';
import type { FoundPassage, Passage, SearchTerm } from '../../core/ports/text-index.ts';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import { readingOf } from '../../kinds/passages/reading-of.ts';
import type { OpenSpace } from '../node.ts';
import { readRange } from './read-range.ts';
import { countTerms } from './snippet.ts';

const NEWLINE = Buffer.from('\n');

/**
 * What a found passage says now; `null` where that cannot be had. Of several that one line of a session holds, the one that holds most of the
 * words. Cost: the pieces of the body that it lies in.
 */
export async function passageText({ replica }: OpenSpace, found: FoundPassage, terms: readonly SearchTerm[]): Promise<string | null> {
  const reading = readingOf(found.item);
  const content = (await replica.visible([found.item])).get(itemKey(found.item))?.content ?? null;
  if (reading === null || content === null) return null;
  try {
    if (reading.type !== 'lines')
      return reading.passages(found.item.name, await replica.bodies.read(content))[found.number - 1]?.text ?? null;
    const line = await readRange(replica.bodies, content, found.start, found.length);
    const passages = reading.passages(found.item.name, Buffer.concat([line, NEWLINE]), found.start);
    const [best] = passages
      .filter(({ type }) => type === found.type)
      .map(({ text }) => ({ text, count: countTerms(text, terms) }))
      .sort((a, b) => b.count - a.count);
    return best?.text ?? null;
  } catch (error) {
    if (error instanceof BodyUnavailable) return null;
    throw error;
  }
}

/** One passage of an item by its number; `null` where it has none of that number. Throws BodyUnavailable. O(body). */
export async function passageByNumber({ replica }: OpenSpace, item: Item, number: number): Promise<Passage | null> {
  const reading = readingOf(item);
  const content = (await replica.visible([item])).get(itemKey(item))?.content ?? null;
  if (reading === null || content === null) return null;
  const body = await replica.bodies.read(content);
  const passages = reading.type === 'lines' ? reading.passages(item.name, body, 0) : reading.passages(item.name, body);
  return passages[number - 1] ?? null;
}
