import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { searchTranscript, type Found } from './search-text.ts';

const user = (text: string) => ({ type: 'user', cwd: '/work/secret-folder', gitBranch: 'main', message: { role: 'user', content: text } });
const assistant = (...content: object[]) => ({ type: 'assistant', message: { role: 'assistant', content } });

function search(records: readonly object[], words: readonly string[], cuts: readonly number[] = []): Promise<Found> {
  const bytes = Buffer.from(records.map((each) => `${JSON.stringify(each)}\n`).join(''));
  async function* parts(): AsyncGenerator<Uint8Array> {
    const places = [...new Set(cuts.map((cut) => cut % bytes.length))].toSorted((a, b) => a - b);
    for (const [index, from] of [0, ...places].entries()) yield bytes.subarray(from, places[index] ?? bytes.length);
  }
  return searchTranscript(parts(), words);
}

describe('search in a transcript', () => {
  it('finds what anyone said, whatever its case, and says who', async () => {
    const records = [
      user('Hello'),
      assistant({ type: 'thinking', thinking: 'a Walrus?' }, { type: 'text', text: 'I see "OTTERS"\nhere' }),
      assistant({ type: 'tool_use', name: 'Bash', input: { command: 'grep lemur' } }),
      { type: 'user', message: { content: [{ type: 'tool_result', content: [{ type: 'text', text: 'puffin found' }] }] } },
    ];
    const hitOf = async (...words: string[]) => (await search(records, words)).hit;
    expect(await hitOf('hello')).toEqual({ by: 'user', text: 'Hello' });
    expect(await hitOf('walrus')).toEqual({ by: 'thinking', text: 'a Walrus?' });
    expect(await hitOf('"otters"')).toEqual({ by: 'assistant', text: 'I see "OTTERS" here' });
    expect(await hitOf('lemur')).toEqual({ by: 'tool', text: 'Bash grep lemur' });
    expect(await hitOf('puffin')).toEqual({ by: 'tool result', text: 'puffin found' });
  });

  it('finds nothing in what is about the session', async () => {
    const records = [user('Hello'), { type: 'file-history-snapshot', snapshot: 'walrus' }];
    for (const word of ['secret-folder', 'main', 'role', 'walrus'])
      expect(await search(records, [word])).toEqual({ words: new Set(), hit: null });
  });

  it('shows the message that holds most of the words, and a line of a long one', async () => {
    const records = [user('one'), user('two'), user(`${'x'.repeat(300)} one two ${'y'.repeat(300)}`), user('one')];
    const { words, hit } = await search(records, ['one', 'two']);
    expect([...words].toSorted()).toEqual(['one', 'two']);
    expect(hit?.text).toMatch(/^…x{50,60} one two y+…$/);
    expect((await search(records, ['one', 'three'])).words).toEqual(new Set(['one']));
  });

  it('is the same wherever the text is cut as it is read', async () => {
    const said = fc.constantFrom('walrus', 'otter', 'Ötter İstanbul', 'walrus and otter', 'nothing');
    await fc.assert(
      fc.asyncProperty(fc.array(said, { minLength: 1, maxLength: 6 }), fc.array(fc.nat(), { maxLength: 4 }), async (texts, cuts) => {
        const records = texts.map(user);
        expect(await search(records, ['walrus', 'otter'], cuts)).toEqual(await search(records, ['walrus', 'otter']));
      }),
    );
  });
});
