import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Blobs } from '../../src/core/ports/blobs.ts';
import { PATIENCE } from '../setup/patience.ts';

/** An empty bucket (or prefix of one) under test. */
export interface BlobsSubject {
  /** Another client of the same bucket. */
  open(): Blobs | Promise<Blobs>;
  dispose(): Promise<void>;
}

const CLAIMANTS = 16;
const ROUNDS = 5;

/** What every driver of the `Blobs` port keeps. A driver joins by calling this with a way to make an empty bucket. */
export function describeBlobsContract(name: string, make: () => Promise<BlobsSubject>): void {
  describe(`blobs: ${name}`, () => {
    let subject: BlobsSubject;
    let blobs: Blobs;
    const opened: Blobs[] = [];

    const open = async (): Promise<Blobs> => {
      const client = await subject.open();
      opened.push(client);
      return client;
    };
    beforeEach(async () => {
      subject = await make();
      blobs = await open();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((each) => each.close()));
      await subject.dispose();
    });

    /** Every page, of `limit` names each. */
    async function listAll(prefix: string, limit = 1_000, from: Blobs = blobs): Promise<{ name: string; size: number }[]> {
      const found: { name: string; size: number }[] = [];
      for (let after: string | undefined; ;) {
        const page = await from.list(prefix, { limit, ...(after === undefined ? {} : { after }) });
        expect(page.blobs.length).toBeLessThanOrEqual(limit);
        found.push(...page.blobs);
        if (page.isLast) return found;
        after = page.blobs.at(-1)?.name ?? after;
      }
    }
    const names = async (prefix: string, limit?: number): Promise<string[]> => (await listAll(prefix, limit)).map((each) => each.name);

    it('begins empty', async () => {
      expect(await blobs.read('a/b')).toBeNull();
      expect(await blobs.read('a/b', { offset: 0, length: 10 })).toBeNull();
      expect(await blobs.read('a/b', { offset: 0, length: 0 })).toBeNull();
      expect(await blobs.size('a/b')).toBeNull();
      expect(await blobs.list('', { limit: 10 })).toEqual({ blobs: [], isLast: true });
      await blobs.remove(['a/b']);
      await blobs.remove([]);
    });

    it('makes a blob once, and shows it to all', async () => {
      const other = await open();
      const bytes = randomBytes(10_000);
      expect(await blobs.create('log/1', bytes)).toBe('created');
      expect(await blobs.create('log/1', randomBytes(10))).toBe('exists');
      expect(await other.create('log/1', randomBytes(10))).toBe('exists');
      for (const client of [blobs, other]) {
        expectEqual(await client.read('log/1'), bytes);
        expect(await client.size('log/1')).toBe(10_000);
      }
    });

    it('gives a name to one of many claimants, whose bytes all read', async () => {
      const clients = await Promise.all(Array.from({ length: 4 }, open));
      for (let round = 0; round < ROUNDS; round++) {
        const claims = Array.from({ length: CLAIMANTS }, () => randomBytes(100));
        const answers = await Promise.all(claims.map((bytes, which) => (clients[which % 4] as Blobs).create(`race/${round}`, bytes)));
        expect(answers.filter((answer) => answer === 'created')).toHaveLength(1);
        const winner = claims[answers.indexOf('created')] as Uint8Array;
        for (const client of clients) expectEqual(await client.read(`race/${round}`), winner);
      }
    });

    it('writes, and writes over', async () => {
      const [first, second] = [randomBytes(500), randomBytes(300)];
      await blobs.write('w', first);
      expectEqual(await blobs.read('w'), first);
      expect(await blobs.create('w', second)).toBe('exists');
      await blobs.write('w', second);
      expectEqual(await blobs.read('w'), second);
      expect(await blobs.size('w')).toBe(300);
    });

    it('shows one of what racing writers wrote, whole', async () => {
      const all = Array.from({ length: CLAIMANTS }, (_, which) => Buffer.alloc(20_000 + which, which));
      await Promise.all(all.map((bytes) => blobs.write('w', bytes)));
      const read = await blobs.read('w');
      expect(all.some((bytes) => Buffer.compare(bytes, read ?? Buffer.of()) === 0)).toBe(true);
    });

    it('reads parts, and less at the end', async () => {
      const bytes = randomBytes(1_000);
      await blobs.create('p', bytes);
      const parts: [number, number][] = [
        [0, 1],
        [0, 1_000],
        [10, 100],
        [999, 1],
        [900, 500],
        [1_000, 5],
        [5_000, 5],
        [3, 0],
        [5_000, 0],
      ];
      for (const [offset, length] of parts) expectEqual(await blobs.read('p', { offset, length }), bytes.subarray(offset, offset + length));
    });

    it('keeps an empty blob', async () => {
      expect(await blobs.create('none', new Uint8Array(0))).toBe('created');
      expect(await blobs.create('none', new Uint8Array(0))).toBe('exists');
      expect(await blobs.size('none')).toBe(0);
      expectEqual(await blobs.read('none'), new Uint8Array(0));
      expectEqual(await blobs.read('none', { offset: 0, length: 4 }), new Uint8Array(0));
      await blobs.write('none', new Uint8Array(0));
      expect(await listAll('')).toEqual([{ name: 'none', size: 0 }]);
    });

    it('keeps a large blob', async () => {
      const bytes = randomBytes(9 * 1024 * 1024);
      expect(await blobs.create('large', bytes)).toBe('created');
      expectEqual(await blobs.read('large'), bytes);
      expectEqual(await blobs.read('large', { offset: 8_000_000, length: 70_000 }), bytes.subarray(8_000_000, 8_070_000));
    });

    it('keeps its own copy', async () => {
      const bytes = randomBytes(100);
      const given = Uint8Array.from(bytes);
      await blobs.create('own', given);
      given.fill(0);
      (await blobs.read('own'))?.fill(0);
      expectEqual(await blobs.read('own'), bytes);
    });

    it('takes every name that the port allows, each its own', async () => {
      const odd = ['a', 'a/b', 'a/b/c', 'A', 'a.b', 'a-b', 'a_b', '.hidden', '-', '_', '0', 'a..b', `${'d/'.repeat(50)}e`, 'n'.repeat(900)];
      for (const name of odd) expect(await blobs.create(name, Buffer.from(name))).toBe('created');
      for (const name of odd) expectEqual(await blobs.read(name), Buffer.from(name));
      expect(await names('')).toEqual(odd.toSorted());
    });

    it('refuses what is no name, no part and no page', async () => {
      const bad = [
        '',
        '/',
        '/a',
        'a/',
        'a//b',
        '.',
        '..',
        'a/./b',
        'a/../b',
        'a.',
        'a./b',
        'ä',
        'a b',
        'a\0',
        'a\\b',
        'a%2Fb',
        'n'.repeat(901),
      ];
      for (const name of bad) {
        await expect(blobs.create(name, Buffer.of(1))).rejects.toThrow(RangeError);
        await expect(blobs.write(name, Buffer.of(1))).rejects.toThrow(RangeError);
        await expect(blobs.read(name)).rejects.toThrow(RangeError);
        await expect(blobs.size(name)).rejects.toThrow(RangeError);
        await expect(blobs.remove([name])).rejects.toThrow(RangeError);
        await expect(blobs.list('', { after: name, limit: 1 })).rejects.toThrow(RangeError);
      }
      for (const limit of [0, -1, 1.5, 1_001]) await expect(blobs.list('', { limit })).rejects.toThrow(RangeError);
      for (const offset of [-1, 0.5, Number.NaN]) await expect(blobs.read('a', { offset, length: 1 })).rejects.toThrow(RangeError);
      await expect(blobs.remove(Array.from({ length: 1_001 }, (_, which) => `n${which}`))).rejects.toThrow(RangeError);
      await expect(blobs.create('a', new Uint8Array(64 * 1024 * 1024 + 1))).rejects.toThrow(RangeError);
      expect(await listAll('')).toEqual([]);
    });

    it('lists by prefix, in order, in pages', async () => {
      const all = Array.from({ length: 25 }, (_, which) => `l/${String(which).padStart(3, '0')}`);
      const others = ['k', 'l', 'l.a', 'l-', 'la/1', 'm/1'];
      await Promise.all([...all, ...others].toReversed().map((name) => blobs.create(name, Buffer.from(name))));
      expect(await listAll('l/')).toEqual(all.map((name) => ({ name, size: 5 })));
      for (const limit of [1, 7, 25]) expect(await names('l/', limit)).toEqual(all);
      expect(await names('')).toEqual([...all, ...others].toSorted());
      expect(await names('', 4)).toEqual([...all, ...others].toSorted());
      expect(await names('l/01')).toEqual(all.slice(10, 20));
      expect(await names('nothing')).toEqual([]);
      const behind = async (after: string) => (await blobs.list('l/', { after, limit: 2 })).blobs.map((each) => each.name);
      expect(await behind('l/011')).toEqual(['l/012', 'l/013']);
      expect(await behind('l/011-no-name-there')).toEqual(['l/012', 'l/013']);
      expect(await behind('a')).toEqual(['l/000', 'l/001']);
      expect(await behind('z')).toEqual([]);
    });

    it('removes many, and takes them anew', async () => {
      const all = Array.from({ length: 30 }, (_, which) => `r/${which}`);
      await Promise.all(all.map((name) => blobs.create(name, Buffer.from(name))));
      await blobs.remove([...all.slice(0, 20), 'r/never-there']);
      await blobs.remove(all.slice(0, 20));
      for (const name of all.slice(0, 20)) expect(await blobs.read(name)).toBeNull();
      for (const name of all.slice(20)) expectEqual(await blobs.read(name), Buffer.from(name));
      expect(await blobs.create('r/0', Buffer.from('anew'))).toBe('created');
      expectEqual(await blobs.read('r/0'), Buffer.from('anew'));
      await blobs.remove(Array.from({ length: 1_000 }, (_, which) => `r/${which}`));
      await expect.poll(() => listAll('r/'), PATIENCE).toEqual([]);
    });

    it('answers many at once', async () => {
      const all = Array.from({ length: 100 }, (_, which) => ({ name: `many/${which}`, bytes: randomBytes(1 + which * 50) }));
      await Promise.all(all.map(({ name, bytes }) => blobs.create(name, bytes)));
      const read = await Promise.all(all.map(({ name }) => blobs.read(name)));
      all.forEach(({ bytes }, which) => expectEqual(read[which], bytes));
    });

    it('shows no credentials in its address, and is closed more than once', async () => {
      expect(blobs.address).not.toMatch(/secret|key|@|sig=/i);
      await blobs.close();
      await blobs.close();
    });
  });
}

function expectEqual(actual: Uint8Array | null | undefined, expected: Uint8Array): void {
  expect(actual?.length).toBe(expected.length);
  expect(Buffer.compare(actual ?? Buffer.of(), expected)).toBe(0);
}
