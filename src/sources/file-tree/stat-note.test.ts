import { constantFrom, assert, bigInt, boolean, nat, property, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attributesFrom, encodeNote, isRacy, looksLike, parseNote } from './stat-note.ts';

const stat = { type: 'file' as const, size: 1, mtimeNs: 5_000_000_000n, ctimeNs: 5_000_000_000n, ino: 7n, mode: 0o644 };

describe('stat notes', () => {
  it('come back as they were, within the 1 KiB of a view', () => {
    const stats = record({ size: nat(), mtimeNs: bigInt(), ctimeNs: bigInt(), ino: bigInt(0n, 2n ** 64n), mode: nat(0o777) });
    const notes = record({ stat: stats, sha256: constantFrom('a'.repeat(64)), length: nat(), unsettled: boolean() });
    assert(
      property(notes, (note) => {
        const local = encodeNote(note);
        expect(local.length).toBeLessThan(1024);
        expect(parseNote(local)).toEqual(note);
      }),
    );
  });

  it('are refused, never half-read, where they are something else', () => {
    assert(property(string(), (local) => parseNote(local) === null));
    for (const local of ['[]', '{}', 'null', '[2,1,"1","1","1",1,1,"a",0]', '[1,1,1,"1","1",1,1,"a",0]', '[1,1,"x","1","1",1,1,"a",0]']) {
      expect(parseNote(local)).toBeNull();
    }
    expect(parseNote(null)).toBeNull();
  });

  it('tell every difference of a stat', () => {
    const note = { stat, sha256: '', length: 1, unsettled: false };
    expect(looksLike(note, stat)).toBe(true);
    for (const other of [{ size: 2 }, { mtimeNs: 1n }, { ctimeNs: 1n }, { ino: 1n }, { mode: 0o755 }]) {
      expect(looksLike(note, { ...stat, ...other })).toBe(false);
    }
  });

  it('distrust what was written just before, or in the future', () => {
    expect([isRacy(stat, 7_001, 2_000), isRacy(stat, 6_999, 2_000), isRacy(stat, 1, 2_000)]).toEqual([false, true, true]);
  });

  it('trust what was renamed, or given other permissions, since it was written: any later write is seen by its times', () => {
    expect(isRacy({ ...stat, mtimeNs: stat.ctimeNs - 1n }, 6_999, 2_000)).toBe(false);
    expect(isRacy({ ...stat, mtimeNs: stat.ctimeNs + 1n }, 6_999, 2_000)).toBe(true);
  });

  it('say of permissions only whether a file is executable', () => {
    expect(attributesFrom({ other: 1, mode: 0o755 }, stat, true)).toEqual({ other: 1 });
    expect(attributesFrom({}, { ...stat, mode: 0o711 }, true)).toEqual({ mode: 0o755 });
    expect(attributesFrom({ mode: 0o755 }, stat, false)).toEqual({ mode: 0o755 });
    expect(attributesFrom({ mode: 0o755 }, { ...stat, type: 'link' }, true)).toEqual({ link: true });
  });
});
