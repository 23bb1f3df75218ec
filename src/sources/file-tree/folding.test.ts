import { describe, expect, it } from 'vitest';
import { createClaims, foldName } from './folding.ts';

describe('claims on a disk that folds names', () => {
  const folding = { case: true, unicode: true };
  it('let the first stay', () => {
    const claims = createClaims(folding, ['Readme', 'docs/a']);
    expect(claims.claim('README')).toBe('Readme');
    expect(claims.claim('Readme')).toBeNull();
    expect(claims.claim('Docs/b')).toBe('docs');
    expect(claims.claim('docs/b')).toBeNull();
    expect(claims.claim('docs/B')).toBe('docs/b');
    expect([claims.holder('new'), claims.holder('NEW'), claims.holder('DOCS/x')]).toEqual([null, null, 'docs']);
  });
  it('know letters with several forms', () => {
    expect(foldName(folding, 'stra\u00dfe')).toBe(foldName(folding, 'STRASSE'));
    expect(foldName(folding, 'e\u0301')).toBe(foldName(folding, '\u00c9'));
    expect(foldName({ case: false, unicode: false }, 'A')).not.toBe('a');
  });
});
