import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex, commitKey, type CommitId, type CommitKey, type MachineId } from '../ids.ts';
import { KEY_BYTES, UsedCommits } from './used-commits.ts';

function keysOf(used: UsedCommits, perPage: number): string[] {
  const pages = [...used.pages(perPage)];
  for (const page of pages.slice(0, -1)) expect(page).toHaveLength(perPage * KEY_BYTES);
  const all = Buffer.concat(pages);
  return Array.from({ length: all.length / KEY_BYTES }, (_, i) => bytesToHex(all.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES)));
}

describe('a set of used commits', () => {
  it('gives out none, one and more than it had room for', () => {
    const used = new UsedCommits();
    expect(keysOf(used, 10)).toEqual([]);
    const keys: CommitKey[] = [];
    for (let i = 0; i < 1_000; i++) {
      const key = commitKey('ab'.repeat(32) as MachineId, ((i * 2_654_435_761) % 2 ** 32).toString(16).padStart(32, '0') as CommitId);
      keys.push(key);
      used.add(key);
      if (i === 0 || i === 64 || i === 999) expect(keysOf(used, 100)).toEqual(keys.toSorted());
    }
  });

  it('gives out each once, in the order of their letters, whoever signed them', () => {
    // Few values, so that many are equal, or but for their last bytes.
    const byte = fc.constantFrom(0, 1, 0x7f, 0x80, 0xff);
    const id = fc.array(byte, { minLength: 16, maxLength: 16 }).map((bytes) => bytesToHex(Uint8Array.from(bytes)) as CommitId);
    const near = fc.tuple(byte, byte).map(([one, other]) => bytesToHex(Uint8Array.from([...Array(14).fill(7), one, other])) as CommitId);
    const signer = fc.constantFrom('00', '0f', 'f0').map((hex) => hex.repeat(32) as MachineId);
    fc.assert(
      fc.property(fc.array(fc.tuple(signer, fc.oneof(id, near))), fc.integer({ min: 1, max: 5 }), (commits, perPage) => {
        const keys = commits.map(([machine, commit]) => commitKey(machine, commit));
        const used = new UsedCommits();
        for (const key of keys) used.add(key);
        expect(keysOf(used, perPage)).toEqual([...new Set(keys)].toSorted());
      }),
    );
  });
});
