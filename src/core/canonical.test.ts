import { decode, encode } from 'cborg';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCanonical, encodeCanonical, type Canonical } from './canonical.ts';
import { anyCharacter } from '../../tests/doubles/any-character.ts';

/** As the first logs were written and judged: what is valid stays valid, and nothing else becomes so but texts that begin with U+FEFF. */
function decodedBefore(bytes: Uint8Array): { readonly value: unknown } | null {
  try {
    const value: unknown = decode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      allowBigInt: false,
      rejectDuplicateMapKeys: true,
    });
    return Buffer.from(encode(value)).equals(bytes) ? { value } : null;
  } catch {
    return null;
  }
}

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: anyCharacter }),
  fc.string({ minLength: 20, maxLength: 300 }),
  fc.constantFrom('__proto__', 'constructor', 'x\ufeff', '\ufffd', 'é', '😀', '1', '10', '2'),
);
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER),
  fc.constantFrom(-1, -24, -25, -256, -257, -65_536, -65_537, -(2 ** 32), -(2 ** 32) - 1),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.float({ noNaN: true, noDefaultInfinity: true }),
);
const values = fc.letrec<{ value: Canonical }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    number,
    text,
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 40 }),
    fc.uint8Array({ minLength: 200, maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(text, tie('value'), { maxKeys: 30, noNullPrototype: true }),
  ),
})).value;

const runs = { numRuns: 300 };

describe('canonical bytes', () => {
  it('are those that the first logs were written with', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(Buffer.from(encodeCanonical(value)).toString('hex')).toBe(Buffer.from(encode(value)).toString('hex'));
      }),
      runs,
    );
  });

  it('decode to the value that they were made of', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encodeCanonical(value);
        expect(asJudged(decodeCanonical(bytes, bytes.length))).toEqual(judgedBefore(bytes));
      }),
      runs,
    );
  });

  it('are told from all others as they were', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), drop: fc.nat({ max: 3 }) });
    fc.assert(
      fc.property(values, fc.array(change, { minLength: 1, maxLength: 3 }), (value, changes) => {
        let bytes: Uint8Array = encodeCanonical(value);
        for (const { at, byte, drop } of changes) {
          const changed = Uint8Array.from(bytes);
          changed[at % Math.max(1, changed.length)] = byte;
          bytes = changed.subarray(0, Math.max(1, changed.length - drop));
        }
        expect(asJudged(decodeCanonical(bytes, bytes.length))).toEqual(judgedBefore(bytes));
      }),
      { numRuns: 1_500 },
    );
  });

  it('are told from all others as they were, whatever they begin with', () => {
    for (let first = 0; first < 256; first += 1) {
      for (const rest of [
        '',
        '00',
        '17',
        '18',
        '40',
        '80',
        '0000',
        '0018',
        '00ff',
        '0100',
        '3c00',
        '3e01',
        '00000000',
        '00010000',
        '3f800001',
      ]) {
        for (const more of ['', '00000000', '00000001', '6161', '626161f6']) {
          const bytes = Buffer.concat([Buffer.of(first), Buffer.from(rest + more, 'hex')]);
          const hex = bytes.toString('hex');
          expect({ hex, judged: asJudged(decodeCanonical(bytes, bytes.length)) }).toEqual({ hex, judged: judgedBefore(bytes) });
        }
      }
    }
  });

  it('keep a mark of byte order that a text begins with', () => {
    const value = { '\ufeffkey': ['\ufeff', `\ufeff${'long '.repeat(20)}`] };
    const bytes = encodeCanonical(value);
    expect(decodeCanonical(bytes, bytes.length)).toEqual({ ok: true, value });
  });

  it('refuse what is longer than the limit, and what has no form', () => {
    expect(decodeCanonical(encodeCanonical([1, 2]), 2)).toEqual({ ok: false, error: '3 bytes, more than the limit of 2' });
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, undefined, 1n]) {
      expect(() => encodeCanonical([value as Canonical])).toThrow(TypeError);
    }
  });

  it('hold no long byte string twice, and let go of short ones', () => {
    const bytes = encodeCanonical([new Uint8Array(32), new Uint8Array(100_000)]);
    const decoded = decodeCanonical(bytes, bytes.length);
    const [short, long] = decoded.ok ? (decoded.value as [Uint8Array, Uint8Array]) : [];
    expect(long?.buffer).toBe(bytes.buffer);
    expect(short?.buffer).not.toBe(bytes.buffer);
  });

  it('nest to 500 levels and no deeper, the same on every machine', () => {
    const nest = (levels: number): Canonical => Array.from({ length: levels }).reduce<Canonical>((value) => [value], 0);
    const deepest = encodeCanonical(nest(500));
    expect(decodeCanonical(deepest, 1_000)).toEqual({ ok: true, value: nest(500) });
    expect(() => encodeCanonical(nest(501))).toThrow(TypeError);
    for (const levels of [501, 1_000_000]) {
      const bytes = Buffer.alloc(levels + 1, 0x81);
      bytes[levels] = 0;
      expect(decodeCanonical(bytes, bytes.length)).toEqual({ ok: false, error: expect.stringMatching(/more than 500 deep/) });
    }
  });
});

function judgedBefore(bytes: Uint8Array): unknown {
  const before = decodedBefore(bytes);
  return before === null ? { ok: false } : { ok: true, value: before.value };
}

/** What is wrong may be said otherwise. */
function asJudged(decoded: ReturnType<typeof decodeCanonical>): unknown {
  return decoded.ok ? decoded : { ok: false };
}
