import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Content, Piece } from '../../core/content.ts';
import type { ContentDigest, ObjectId } from '../../core/ids.ts';
import { keepScan, resumeScan, scanContent, type KeptScan, type ScanState } from './scan-content.ts';

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
  expect(state.isWhole).toBe(true);
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
    expect(lines(state)).toEqual(['2 GitHub token']);
  });

  it('that is no text holds nothing, and none is looked through to the end once it is to stop', async () => {
    expect((await scan([`\0${TOKEN}`])).found).toEqual([]);
    const { content, readPieces, read } = body('one\n', 'two\n');
    expect(await scanContent(content, readPieces, undefined, () => Promise.resolve(false))).toMatchObject({ isWhole: false, pieces: [] });
    expect(read).toHaveLength(1);
  });

  it('is gone on with in another process, from its last large piece on, also where it was ended in its midst', async () => {
    const line = fc.constantFrom('plain text', TOKEN, 'x'.repeat(9_000), 'y'.repeat(40_000));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 2, maxLength: 8 }), fc.nat(8), fc.nat(8), async (all, first, second) => {
        const parts = all.map((each) => `${each}\n`);
        const whole = lines(await scan(parts));
        const some = parts.slice(0, 1 + (first % parts.length));
        const { content, readPieces } = body(...some);
        let left = second;
        const ended = await scanContent(content, readPieces, undefined, () => Promise.resolve(left-- > 0));
        const kept = keepScan(content, ended);
        const looked = body(...parts);
        const known = kept === null ? undefined : resumeScan(looked.content, JSON.parse(JSON.stringify(kept)) as KeptScan);
        const state = await scanContent(looked.content, looked.readPieces, known, () => Promise.resolve(true));
        expect(lines(state)).toEqual(whole);
        if (kept !== null) expect(looked.read).toHaveLength(parts.length - kept.pieces + 1);
      }),
      { numRuns: 100 },
    );
  });

  it('that begins otherwise now is looked through anew, and one without a large piece is not kept', async () => {
    const large = `${TOKEN}\n${'x'.repeat(40_000)}\n`;
    const before = body(large);
    const kept = keepScan(before.content, await scan([large]));
    expect(kept).toMatchObject({ pieces: 1, start: 0, line: 1, found: [{ line: 1 }] });
    expect(resumeScan(body(`other ${large}`, large).content, kept as KeptScan)).toBeUndefined();
    expect(resumeScan(body().content, kept as KeptScan)).toBeUndefined();
    expect(keepScan(body('one\n').content, await scan(['one\n']))).toBeNull();
  });
});
