import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Content, Piece } from '../../core/content.ts';
import type { ContentDigest, ObjectId } from '../../core/ids.ts';
import { scanContent, type ScanState } from './scan-content.ts';

const TOKEN = 'ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8';

function body(...parts: readonly string[]) {
  const bytes = new Map(parts.map((part, index) => [`${index}:${part.length}:${part.slice(0, 20)}`, part]));
  const pieces: Piece[] = [...bytes].map(([object, part]) => ({ object: object as ObjectId, keyId: 1, offset: 0, length: part.length }));
  const content: Content = { digest: '' as ContentDigest, size: parts.join('').length, attributes: {}, pieces };
  const read: string[] = [];
  const readPieces = (wanted: readonly Piece[]): Promise<Uint8Array> => {
    read.push(...wanted.map(({ object }) => object));
    return Promise.resolve(Buffer.from(wanted.map(({ object }) => bytes.get(object) ?? '').join('')));
  };
  return { content, readPieces, read };
}

async function scan(parts: readonly string[], before?: ScanState): Promise<ScanState> {
  const { content, readPieces } = body(...parts);
  const state = await scanContent(content, readPieces, before, () => Promise.resolve(true));
  if (state === null) throw new Error('ended');
  return state;
}

const lines = (state: ScanState): string[] => state.found.map(({ what, line }) => `${line} ${what}`);

describe('a body in pieces', () => {
  it('is looked through as if it were one, wherever it was cut, and whatever was known of its beginning', async () => {
    const line = fc.constantFrom('plain text', TOKEN, `key = ${TOKEN}`, '', 'x'.repeat(9_000));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 8 }), fc.nat(200), fc.nat(200), async (all, first, second) => {
        const text = all.map((each) => `${each}\n`).join('');
        const [a, b] = [first % text.length, second % text.length].toSorted((x, y) => x - y) as [number, number];
        const cut = [text.slice(0, a), text.slice(a, b), text.slice(b)].filter((part) => part !== '');
        const whole = lines(await scan([text]));
        expect(whole).toEqual(all.flatMap((each, index) => (each.includes('ghp_') ? [`${index + 1} GitHub token`] : [])));
        expect(lines(await scan(cut))).toEqual(whole);
        expect(lines(await scan(cut, await scan(cut.slice(0, -1))))).toEqual(whole);
      }),
      { numRuns: 100 },
    );
  });

  it('that grew is read again from its last known piece on', async () => {
    const long = 'x'.repeat(9_000);
    const before = await scan(['one\n', `${TOKEN}\n`, long]);
    const { content, readPieces, read } = body('one\n', `${TOKEN}\n`, long, 'four\n');
    const state = await scanContent(content, readPieces, before, () => Promise.resolve(true));
    expect(read).toHaveLength(2);
    expect(lines(state as ScanState)).toEqual(['2 GitHub token']);
  });

  it('that is no text holds nothing, and none is looked through to the end once it is to stop', async () => {
    expect((await scan([`\0${TOKEN}`])).found).toEqual([]);
    const { content, readPieces, read } = body('one\n', 'two\n');
    expect(await scanContent(content, readPieces, undefined, () => Promise.resolve(false))).toBeNull();
    expect(read).toHaveLength(1);
  });
});
