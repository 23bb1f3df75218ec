import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSigningKey, type SigningKey } from '../../src/core/crypto/signing.ts';
import { ZERO_HASH, type ObjectId, type RecordHash, type SpaceId } from '../../src/core/ids.ts';
import { decodeRecord, EMPTY_HEAD, encodeRecord, headAfter, type Head, type LogRecord } from '../../src/core/log/record.ts';
import { RemoteError, type Remote } from '../../src/core/ports/remote.ts';
import { controlWriter, createSpaceWriter, genesisOf, sealedObject, segment, type SpaceWriter } from './space-writer.ts';
import { PATIENCE } from '../setup/patience.ts';

/** One place that keeps logs, empty at first. */
export interface RemoteUnderTest {
  /** A connection to the place, as another machine (or process) would open one. The suite closes all of them. */
  open(): Promise<Remote>;
  /** Moves the clock by which the place lets letters expire. */
  readonly clock: { now(): number; advance(ms: number): void };
  /** Signs the records, where the place admits only a known signer. */
  readonly key?: SigningKey;
  /** The payload of genesis records, where the place reads them. */
  readonly genesisBody?: (key: SigningKey) => Uint8Array;
  /** Where each object is a request, which a test store answers slowly: how many are asked for at once. 1,000 unless given. */
  readonly manyObjects?: number;
  /** Where a request takes long: how many writers race, and how often. 16, 8 times, unless given. */
  readonly race?: { readonly writers: number; readonly rounds: number };
  dispose(): Promise<void>;
}

const PAGE = { records: 1_000, bytes: 8 * 1024 * 1024 };
const MIB = 1024 * 1024;
const MINUTE = 60_000;

/**
 * Every promise of `core/ports/remote.ts`, as tests. A driver is finished when it passes them. `atLimits`: also with as much as the port
 * allows, which is many requests.
 */
export function describeRemoteContract(
  name: string,
  create: () => Promise<RemoteUnderTest>,
  { atLimits = true }: { readonly atLimits?: boolean } = {},
): void {
  /** Or never. */
  const atAll = atLimits ? ['once'] : [];
  describe(`remote contract: ${name}`, () => {
    let place: RemoteUnderTest;
    let remote: Remote;
    let opened: Remote[];

    const open = async (): Promise<Remote> => {
      const next = await place.open();
      opened.push(next);
      return next;
    };

    const newSpace = (): SpaceWriter =>
      createSpaceWriter({ ...(place.key && { key: place.key }), ...(place.genesisBody && { genesisBody: place.genesisBody }) });

    /** A space whose log is there, with its head. */
    const createdSpace = async (): Promise<{ writer: SpaceWriter; head: Head }> => {
      const writer = newSpace();
      await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
      return { writer, head: headAfter(writer.genesis) };
    };

    /** A space whose genesis is real, with what its owner and a stranger sign. */
    const ownedSpace = async () => {
      const key = place.key ?? createSigningKey(randomBytes(32));
      const writer = createSpaceWriter({ key, genesisBody: () => genesisOf(key.machine) });
      await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
      const head = headAfter(writer.genesis);
      return {
        writer,
        head,
        owner: controlWriter(writer.space, writer.genesis.hash, key),
        stranger: controlWriter(writer.space, writer.genesis.hash, createSigningKey(randomBytes(32))),
      };
    };

    const readAll = async (space: SpaceId, from = 0): Promise<LogRecord[]> => {
      const records: LogRecord[] = [];
      for (;;) {
        const page = await remote.read(space, from + records.length, PAGE);
        if (page.records.length === 0) return records;
        for (const bytes of page.records) records.push(decoded(bytes));
      }
    };

    const unchanged = async (space: SpaceId, head: Head, attempt: Promise<unknown>): Promise<void> => {
      await refuses(attempt);
      expect(await remote.head(space)).toEqual(head);
    };

    beforeEach(async () => {
      place = await create();
      opened = [];
      remote = await open();
    });

    afterEach(async () => {
      for (const each of opened) await each.close();
      await place.dispose();
    });

    it('shows an address without credentials', () => {
      expect(remote.address).not.toBe('');
      expect(remote.address).not.toMatch(/\/\/[^/]*@/);
    });

    describe('logs', () => {
      it('has no head and no records of a space that it does not know', async () => {
        const { space } = newSpace();
        expect(await remote.head(space)).toBeNull();
        expect(await remote.read(space, 0, PAGE)).toEqual({ records: [], head: null });
      });

      it('is created by an append of its genesis behind the empty head', async () => {
        const writer = newSpace();
        const outcome = await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
        expect(outcome).toEqual({ type: 'appended', head: headAfter(writer.genesis) });
        expect(await remote.head(writer.space)).toEqual(headAfter(writer.genesis));
      });

      it('lists the spaces that are there', async () => {
        expect(await remote.spaces()).toEqual([]);
        const created = [await createdSpace(), await createdSpace()].map(({ writer }) => writer.space);
        expect([...(await (await open()).spaces())].sort()).toEqual(created.sort());
      });

      it('gives records back byte for byte, in order, to every connection', async () => {
        const { writer, head } = await createdSpace();
        const records = writer.chain(head, 5);
        await remote.append(writer.space, head, segment(records.slice(0, 2)));
        await remote.append(writer.space, headAfter(records[1] as LogRecord), segment(records.slice(2)));
        const other = await open();
        const answer = await other.read(writer.space, 0, PAGE);
        expect(answer.head).toEqual(headAfter(records[4] as LogRecord));
        expect(answer.records.map(hex)).toEqual([writer.genesis, ...records].map(encodeRecord).map(hex));
      });

      it('takes a genesis and what follows it in one segment', async () => {
        const writer = newSpace();
        const records = [writer.genesis, ...writer.chain(headAfter(writer.genesis), 3)];
        expect(await remote.append(writer.space, EMPTY_HEAD, segment(records))).toMatchObject({ type: 'appended' });
        expect(await readAll(writer.space)).toHaveLength(4);
      });

      it('gives nothing past the head, with the head', async () => {
        const { writer, head } = await createdSpace();
        expect(await remote.read(writer.space, 1, PAGE)).toEqual({ records: [], head });
        expect(await remote.read(writer.space, 1_000_000, PAGE)).toEqual({ records: [], head });
      });

      it('pages by records and by bytes, always one at least', async () => {
        const { writer, head } = await createdSpace();
        const records = writer.chain(head, 9, 1_000);
        await remote.append(writer.space, head, segment(records));
        expect((await remote.read(writer.space, 1, { records: 4, bytes: MIB })).records).toHaveLength(4);
        const byBytes = (await remote.read(writer.space, 1, { records: 100, bytes: 3_000 })).records;
        expect(byBytes.length).toBeGreaterThan(0);
        expect(byBytes.reduce((sum, bytes) => sum + bytes.length, 0)).toBeLessThanOrEqual(3_000);
        const one = await remote.read(writer.space, 3, { records: 100, bytes: 1 });
        expect(one.records.map(hex)).toEqual([hex(encodeRecord(records[2] as LogRecord))]);
        expect(one.head?.position).toBe(9);
      });

      it('reads a long log completely, page by page', async () => {
        const { writer, head } = await createdSpace();
        const records = writer.chain(head, 300);
        for (let at = 0, behind = head; at < records.length; at += 50) {
          const part = records.slice(at, at + 50);
          await remote.append(writer.space, behind, segment(part));
          behind = headAfter(part.at(-1) as LogRecord);
        }
        const seen: string[] = [];
        for (;;) {
          const page = await remote.read(writer.space, seen.length, { records: 37, bytes: MIB });
          if (page.records.length === 0) break;
          expect(page.records.length).toBeLessThanOrEqual(37);
          seen.push(...page.records.map(hex));
        }
        expect(seen).toEqual([writer.genesis, ...records].map(encodeRecord).map(hex));
      });

      it('carries a new term that begins with a control record', async () => {
        const { writer, head } = await createdSpace();
        const move = writer.record(head, { type: 'control', term: 1, previousControl: writer.genesis.hash });
        expect(await remote.append(writer.space, head, segment([move]))).toEqual({ type: 'appended', head: headAfter(move) });
        const after = writer.record(headAfter(move));
        await remote.append(writer.space, headAfter(move), segment([after]));
        expect(await (await open()).head(writer.space)).toEqual({ term: 1, position: 2, hash: after.hash });
      });

      it('keeps spaces apart', async () => {
        const [a, b] = [await createdSpace(), await createdSpace()];
        const record = a.writer.record(a.head);
        await remote.append(a.writer.space, a.head, segment([record]));
        expect(await remote.head(b.writer.space)).toEqual(b.head);
      });

      it('refuses to wait for pages of nothing', async () => {
        const { writer } = await createdSpace();
        await refuses(remote.read(writer.space, 0, { records: 0, bytes: MIB }));
        await refuses(remote.read(writer.space, -1, PAGE));
      });
    });

    describe('compare and swap', () => {
      it('answers moved, with the records that the caller lacks', async () => {
        const { writer, head } = await createdSpace();
        const theirs = writer.chain(head, 3);
        await remote.append(writer.space, head, segment(theirs));
        const late = await remote.append(writer.space, head, segment([writer.record(head)]));
        expect(late.type).toBe('moved');
        if (late.type !== 'moved') return;
        expect(late.head).toEqual(headAfter(theirs[2] as LogRecord));
        expect(late.missing.map(hex)).toEqual(theirs.map(encodeRecord).map(hex));
        expect(await readAll(writer.space)).toHaveLength(4);
      });

      it('answers moved for a log that exists already, or does not exist', async () => {
        const { writer, head } = await createdSpace();
        expect(await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]))).toMatchObject({ type: 'moved', head });
        const absent = newSpace();
        const behind = headAfter(absent.genesis);
        expect(await remote.append(absent.space, behind, segment([absent.record(behind)]))).toEqual({
          type: 'moved',
          head: null,
          missing: [],
        });
      });

      it('answers moved for a head of another history or beyond the log', async () => {
        const { writer, head } = await createdSpace();
        const elsewhere: Head = { ...head, hash: hex(randomBytes(32)) as RecordHash };
        expect(await remote.append(writer.space, elsewhere, segment([writer.record(elsewhere)]))).toMatchObject({ type: 'moved', head });
        const beyond = headAfter(writer.record(head));
        expect(await remote.append(writer.space, beyond, segment([writer.record(beyond)]))).toEqual({ type: 'moved', head, missing: [] });
        expect(await remote.head(writer.space)).toEqual(head);
      });

      it('lets one of many racing writers win each round, and loses and forks nothing', async () => {
        const { writer, head } = await createdSpace();
        const { writers, rounds } = place.race ?? { writers: 16, rounds: 8 };
        const connections = await Promise.all(Array.from({ length: writers }, () => open()));
        const won: LogRecord[] = [writer.genesis];
        for (let round = 0, at = head; round < rounds; round += 1) {
          const expected = at;
          const tries = connections.map((connection) => ({ connection, records: writer.chain(expected, 1 + (round % 3)) }));
          const outcomes = await Promise.all(
            tries.map(({ connection, records }) => connection.append(writer.space, expected, segment(records))),
          );
          const winners = tries.filter((_, index) => outcomes[index]?.type === 'appended');
          expect(winners).toHaveLength(1);
          const winner = winners[0]?.records ?? [];
          for (const outcome of outcomes) {
            if (outcome.type !== 'moved') continue;
            expect(outcome.head).toEqual(headAfter(winner.at(-1) as LogRecord));
            expect(outcome.missing.map(hex)).toEqual(winner.map(encodeRecord).map(hex));
          }
          won.push(...winner);
          at = headAfter(winner.at(-1) as LogRecord);
        }
        expect((await readAll(writer.space)).map((record) => record.hash)).toEqual(won.map((record) => record.hash));
      });

      it('lets one of several racing creators of one space win', async () => {
        const writer = newSpace();
        const connections = await Promise.all(Array.from({ length: 6 }, () => open()));
        const outcomes = await Promise.all(connections.map((each) => each.append(writer.space, EMPTY_HEAD, segment([writer.genesis]))));
        expect(outcomes.filter((outcome) => outcome.type === 'appended')).toHaveLength(1);
        expect(await readAll(writer.space)).toHaveLength(1);
      });

      it('shows a writer whose acknowledgement was lost that its commit landed', async () => {
        const { writer, head } = await createdSpace();
        const ours = writer.chain(head, 2);
        await remote.append(writer.space, head, segment(ours)); // the answer never arrived
        await remote.append(writer.space, headAfter(ours[1] as LogRecord), segment([writer.record(headAfter(ours[1] as LogRecord))]));
        const found = await readAll(writer.space, head.position + 1);
        expect(found.map((record) => record.header.id).slice(0, 2)).toEqual(ours.map((record) => record.header.id));
        const again = await remote.append(writer.space, head, segment(ours));
        expect(again.type).toBe('moved');
        if (again.type !== 'moved') return;
        expect(again.missing.map((bytes) => decoded(bytes).header.id).slice(0, 2)).toEqual(ours.map((record) => record.header.id));
        expect(await readAll(writer.space)).toHaveLength(4);
      });
    });

    describe('objects', () => {
      it('keeps objects, says which it has, and leaves out what it lacks', async () => {
        const { writer } = await createdSpace();
        const objects = [sealedObject(10), sealedObject(100_000), sealedObject(1)];
        await remote.putObjects(writer.space, objects);
        const other = await open();
        const absent = sealedObject(5).id;
        const ids = [...objects.map((object) => object.id), absent];
        expect(await other.hasObjects(writer.space, ids)).toEqual(new Set(objects.map((object) => object.id)));
        const got = await other.getObjects(writer.space, ids);
        expect([...got.keys()].toSorted()).toEqual(objects.map((object) => object.id).toSorted());
        for (const object of objects) expect(hex(got.get(object.id) as Uint8Array)).toBe(hex(object.bytes));
      });

      it('takes the same objects again, together with others, by several at once', async () => {
        const { writer } = await createdSpace();
        const shared = [sealedObject(1_000), sealedObject(2_000)];
        const connections = await Promise.all(Array.from({ length: 4 }, () => open()));
        await Promise.all(connections.map((each) => each.putObjects(writer.space, [...shared, sealedObject(500)])));
        await remote.putObjects(writer.space, shared);
        await remote.putObjects(
          writer.space,
          [shared[0], shared[0]].filter((object) => object !== undefined),
        );
        const got = await remote.getObjects(
          writer.space,
          shared.map((object) => object.id),
        );
        expect(got.size).toBe(2);
      });

      it('answers for one space only', async () => {
        const [a, b] = [await createdSpace(), await createdSpace()];
        const object = sealedObject(100);
        await remote.putObjects(a.writer.space, [object]);
        expect(await remote.hasObjects(b.writer.space, [object.id])).toEqual(new Set());
        expect(await remote.getObjects(b.writer.space, [object.id])).toEqual(new Map());
        const naming = b.writer.record(b.head, { objects: [object.id] });
        expect(await remote.append(b.writer.space, b.head, segment([naming]))).toEqual({ type: 'missing-objects', ids: [object.id] });
      });

      it('refuses an append that names objects it lacks, and names them', async () => {
        const { writer, head } = await createdSpace();
        const [there, along, missing] = [sealedObject(10), sealedObject(20), sealedObject(30)];
        await remote.putObjects(writer.space, [there]);
        const first = writer.record(head);
        const second = writer.record(headAfter(first), { objects: [there.id, along.id, missing.id] });
        const outcome = await remote.append(writer.space, head, segment([first, second], [along]));
        expect(outcome).toEqual({ type: 'missing-objects', ids: [missing.id] });
        expect(await remote.head(writer.space)).toEqual(head);
        await remote.putObjects(writer.space, [missing]);
        expect(await remote.append(writer.space, head, segment([first, second], [along]))).toMatchObject({ type: 'appended' });
        expect((await remote.hasObjects(writer.space, [there.id, along.id, missing.id])).size).toBe(3);
      });

      it('shows a record only with its objects: what travels along is there with it', async () => {
        const { writer, head } = await createdSpace();
        const objects = Array.from({ length: 50 }, () => sealedObject(2_000));
        const ids = objects.map((object) => object.id);
        const other = await open();
        await remote.append(writer.space, head, segment([writer.record(head, { objects: ids })], objects));
        const page = await other.read(writer.space, 1, PAGE);
        expect(page.records).toHaveLength(1);
        expect((await other.getObjects(writer.space, decoded(page.records[0] as Uint8Array).header.objects)).size).toBe(50);
      });

      it.each(atAll)('gives up to 1,000 objects at once', async () => {
        const { writer } = await createdSpace();
        const objects = Array.from({ length: place.manyObjects ?? 1_000 }, () => sealedObject(50));
        await remote.putObjects(writer.space, objects);
        const got = await remote.getObjects(
          writer.space,
          objects.map((object) => object.id),
        );
        expect(got.size).toBe(objects.length);
      });

      it('deletes what an owner prunes, and only that', async () => {
        const [gone, kept, again, racing] = [sealedObject(100), sealedObject(200), sealedObject(300), sealedObject(400)];
        const { writer, head, owner } = await ownedSpace();
        const ids = [gone, kept, again, racing].map((object) => object.id);
        const first = writer.record(head, { objects: ids });
        await remote.append(writer.space, head, segment([first], [gone, kept, again, racing]));
        await refuses(remote.deleteObjects(writer.space, [gone.id]));
        const pruning = { op: 'prune', objects: [gone.id, again.id, racing.id] } as const;
        const prune = owner.control(headAfter(first), pruning);
        await remote.append(writer.space, headAfter(first), segment([prune]));
        await refuses(remote.deleteObjects(writer.space, [gone.id, kept.id]));
        const later = writer.record(headAfter(prune), { objects: [again.id] });
        await remote.append(writer.space, headAfter(prune), segment([later]));
        await remote.deleteObjects(writer.space, [gone.id, again.id]);
        await remote.deleteObjects(writer.space, [gone.id, again.id]);
        const other = await open();
        for (const each of [remote, other]) {
          expect(await each.hasObjects(writer.space, ids)).toEqual(new Set([kept.id, again.id, racing.id]));
          expect([...(await each.getObjects(writer.space, ids)).keys()].toSorted()).toEqual([kept.id, again.id, racing.id].toSorted());
        }
        await remote.putObjects(writer.space, [gone]);
        expect((await other.hasObjects(writer.space, [gone.id])).size).toBe(1);
        expect((await other.getObjects(writer.space, [gone.id])).size).toBe(1);
      });

      it('deletes nothing that a record by no owner prunes', async () => {
        const object = sealedObject(100);
        const { writer, head, stranger } = await ownedSpace();
        const first = writer.record(head, { objects: [object.id] });
        const prune = stranger.control(headAfter(first), { op: 'prune', objects: [object.id] });
        await remote.append(writer.space, head, segment([first, prune], [object]));
        await refuses(remote.deleteObjects(writer.space, [object.id]));
        expect((await remote.hasObjects(writer.space, [object.id])).size).toBe(1);
      });

      it('never loses an object to a deletion that races with an append of it', async () => {
        const { writer, head, owner } = await ownedSpace();
        const object = sealedObject(500);
        const first = writer.record(head, { objects: [object.id] });
        const prune = owner.control(headAfter(first), { op: 'prune', objects: [object.id] });
        await remote.append(writer.space, head, segment([first, prune], [object]));
        const other = await open();
        const naming = writer.record(headAfter(prune), { objects: [object.id] });
        const [, outcome] = await Promise.all([
          other.deleteObjects(writer.space, [object.id]),
          remote.append(writer.space, headAfter(prune), segment([naming])),
        ]);
        const there = (await other.hasObjects(writer.space, [object.id])).size;
        expect(outcome.type === 'appended' ? there : 1).toBe(1);
        if (outcome.type !== 'appended') expect(outcome.type).toBe('missing-objects');
      });

      it('takes a copy of a log without what is gone', async () => {
        const { writer, head } = await createdSpace();
        const gone = sealedObject(10);
        const naming = writer.record(head, { objects: [gone.id] });
        expect(await remote.append(writer.space, head, { records: [naming], objects: [], gone: [gone.id] })).toMatchObject({
          type: 'appended',
        });
      });

      it('answers nothing for nothing', async () => {
        const { writer } = await createdSpace();
        await remote.putObjects(writer.space, []);
        expect(await remote.hasObjects(writer.space, [])).toEqual(new Set());
        expect(await remote.getObjects(writer.space, [])).toEqual(new Map());
      });
    });

    describe('checkpoints', () => {
      it('has none at first, then the newest', async () => {
        const { writer } = await createdSpace();
        expect(await remote.readCheckpoint(writer.space)).toBeNull();
        const bytes = randomBytes(3 * MIB + 17);
        await remote.writeCheckpoint(writer.space, 5, bytes);
        const other = await open();
        expect(hex((await other.readCheckpoint(writer.space)) as Uint8Array)).toBe(hex(bytes));
        const newer = randomBytes(100);
        await other.writeCheckpoint(writer.space, 9, newer);
        expect(hex((await remote.readCheckpoint(writer.space)) as Uint8Array)).toBe(hex(newer));
      });

      it('keeps one of a later position, and replaces one of the same', async () => {
        const { writer } = await createdSpace();
        await remote.writeCheckpoint(writer.space, 9, Buffer.from('nine'));
        await remote.writeCheckpoint(writer.space, 8, Buffer.from('eight'));
        expect(Buffer.from((await remote.readCheckpoint(writer.space)) as Uint8Array).toString()).toBe('nine');
        await remote.writeCheckpoint(writer.space, 9, Buffer.from('nine again'));
        expect(Buffer.from((await remote.readCheckpoint(writer.space)) as Uint8Array).toString()).toBe('nine again');
      });

      it('is never seen half written, whoever writes', async () => {
        const { writer } = await createdSpace();
        const connections = await Promise.all(Array.from({ length: 4 }, () => open()));
        const versions = connections.map((_, index) => Buffer.alloc(200_000, index + 1));
        const seen: Uint8Array[] = [];
        const writes = connections.map((each, index) => each.writeCheckpoint(writer.space, index, versions[index] as Buffer));
        for (let turn = 0; turn < 10; turn += 1) {
          const bytes = await remote.readCheckpoint(writer.space);
          if (bytes !== null) seen.push(bytes);
        }
        await Promise.all(writes);
        seen.push((await remote.readCheckpoint(writer.space)) as Uint8Array);
        for (const bytes of seen) expect(versions.some((version) => version.equals(bytes))).toBe(true);
        expect(seen.at(-1)?.[0]).toBe(4);
      });
    });

    describe('mailboxes', () => {
      it('keeps letters until they are removed', async () => {
        const box = mailbox();
        expect(await remote.mailboxes.slots(box)).toEqual([]);
        expect(await remote.mailboxes.read(box, 'request')).toBeNull();
        expect(await remote.mailboxes.post(box, 'request', Buffer.from('hello'), place.clock.now() + MINUTE)).toBe(true);
        expect(await remote.mailboxes.post(box, 'answer-1', Buffer.from('well'), place.clock.now() + MINUTE)).toBe(true);
        const other = await open();
        expect((await other.mailboxes.slots(box)).toSorted()).toEqual(['answer-1', 'request']);
        expect(text(await other.mailboxes.read(box, 'request'))).toBe('hello');
        await other.mailboxes.remove(box);
        await other.mailboxes.remove(box);
        expect(await remote.mailboxes.slots(box)).toEqual([]);
        expect(await remote.mailboxes.read(box, 'request')).toBeNull();
      });

      it('writes a slot once', async () => {
        const box = mailbox();
        const connections = await Promise.all(Array.from({ length: 6 }, () => open()));
        const posts = await Promise.all(
          connections.map((each, index) => each.mailboxes.post(box, 'constructor', Buffer.from(`${index}`), place.clock.now() + MINUTE)),
        );
        expect(posts.filter(Boolean)).toHaveLength(1);
        const letter = text(await remote.mailboxes.read(box, 'constructor'));
        expect(letter).toBe(`${posts.indexOf(true)}`);
        expect(await remote.mailboxes.post(box, 'constructor', Buffer.from('late'), place.clock.now() + MINUTE)).toBe(false);
        expect(text(await remote.mailboxes.read(box, 'constructor'))).toBe(letter);
      });

      it('lets letters expire, and takes others in their place', async () => {
        const box = mailbox();
        await remote.mailboxes.post(box, 'short', Buffer.from('a'), place.clock.now() + MINUTE);
        await remote.mailboxes.post(box, 'long', Buffer.from('b'), place.clock.now() + 10 * MINUTE);
        place.clock.advance(2 * MINUTE);
        expect(await remote.mailboxes.read(box, 'short')).toBeNull();
        expect(await remote.mailboxes.slots(box)).toEqual(['long']);
        expect(await remote.mailboxes.post(box, 'short', Buffer.from('c'), place.clock.now() + MINUTE)).toBe(true);
        expect(text(await remote.mailboxes.read(box, 'short'))).toBe('c');
        await refuses(remote.mailboxes.post(box, 'stale', Buffer.from('d'), place.clock.now() - 1));
      });

      it('keeps mailboxes apart', async () => {
        const [a, b] = [mailbox(), mailbox()];
        await remote.mailboxes.post(a, 'x', Buffer.from('of a'), place.clock.now() + MINUTE);
        expect(await remote.mailboxes.read(b, 'x')).toBeNull();
        await remote.mailboxes.remove(b);
        expect(text(await remote.mailboxes.read(a, 'x'))).toBe('of a');
      });

      it.each(atAll)('takes letters of 64 KiB and 64 of them, and no more', async () => {
        const box = mailbox();
        const expires = place.clock.now() + MINUTE;
        const large = randomBytes(64 * 1024);
        expect(await remote.mailboxes.post(box, 'large', large, expires)).toBe(true);
        expect(hex((await remote.mailboxes.read(box, 'large')) as Uint8Array)).toBe(hex(large));
        await refuses(remote.mailboxes.post(box, 'larger', randomBytes(64 * 1024 + 1), expires));
        for (let slot = 1; slot < 64; slot += 1) await remote.mailboxes.post(box, `slot-${slot}`, Buffer.from('x'), expires);
        await refuses(remote.mailboxes.post(box, 'one-more', Buffer.from('x'), expires));
        expect(await remote.mailboxes.slots(box)).toHaveLength(64);
      });

      it('refuses ids and slots that are none', async () => {
        const expires = place.clock.now() + MINUTE;
        for (const bad of ['', 'x', '../../etc', `${'a'.repeat(63)}G`])
          await refuses(remote.mailboxes.post(bad, 'slot', Buffer.from('x'), expires));
        for (const bad of ['', '..', 'a/b', 'A', 'a'.repeat(65), 'a\0', '-x', '_x']) {
          await refuses(remote.mailboxes.post(mailbox(), bad, Buffer.from('x'), expires));
        }
      });
    });

    describe('watch', () => {
      it('gives a first look at once, of unknown spaces too, and ends when aborted', async () => {
        const { writer, head } = await createdSpace();
        const unknown = newSpace().space;
        const seen = new Map<SpaceId, Head | null>();
        const stop = new AbortController();
        const watching = remote.watch([writer.space, unknown], (space, at) => seen.set(space, at), stop.signal);
        await vi.waitFor(() => expect(seen.size).toBe(2), PATIENCE);
        expect(seen.get(writer.space)).toEqual(head);
        expect(seen.get(unknown)).toBeNull();
        stop.abort();
        await watching;
      });

      it('tells of what other connections append, and of nothing after the abort', async () => {
        const { writer, head } = await createdSpace();
        const other = await open();
        const seen: (Head | null)[] = [];
        const stop = new AbortController();
        const watching = remote.watch([writer.space], (_, at) => seen.push(at), stop.signal);
        let at = head;
        for (let turn = 0; turn < 3; turn += 1) {
          const record = writer.record(at);
          await other.append(writer.space, at, segment([record]));
          at = headAfter(record);
          await vi.waitFor(() => expect(seen.at(-1)).toEqual(at), PATIENCE);
        }
        stop.abort();
        await watching;
        const count = seen.length;
        await remote.append(writer.space, at, segment([writer.record(at)]));
        expect(seen).toHaveLength(count);
      });

      it('tells of a log that is created while it is watched', async () => {
        const writer = newSpace();
        const seen: (Head | null)[] = [];
        const stop = new AbortController();
        const watching = remote.watch([writer.space], (_, at) => seen.push(at), stop.signal);
        await vi.waitFor(() => expect(seen).toEqual([null]), PATIENCE);
        await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis]));
        await vi.waitFor(() => expect(seen.at(-1)).toEqual(headAfter(writer.genesis)), PATIENCE);
        stop.abort();
        await watching;
      });

      it('ends at once where it was aborted before', async () => {
        const { writer } = await createdSpace();
        await remote.watch([writer.space], () => undefined, AbortSignal.abort());
      });

      it('serves several watchers, each until its own abort', async () => {
        const { writer, head } = await createdSpace();
        const [first, second] = [new AbortController(), new AbortController()];
        const seen: number[] = [0, 0];
        const count = (index: number) => (): void => void (seen[index] = (seen[index] ?? 0) + 1);
        const one = remote.watch([writer.space], count(0), first.signal);
        const two = remote.watch([writer.space], count(1), second.signal);
        await vi.waitFor(() => expect(Math.min(...seen)).toBeGreaterThan(0), PATIENCE);
        first.abort();
        await one;
        const before = seen[1] as number;
        await remote.append(writer.space, head, segment([writer.record(head)]));
        await vi.waitFor(() => expect(seen[1]).toBeGreaterThan(before), PATIENCE);
        second.abort();
        await two;
      });
    });

    describe('hostile input', () => {
      it('refuses a log that does not begin with the genesis of its space', async () => {
        const [writer, other] = [newSpace(), newSpace()];
        await refuses(remote.append(writer.space, EMPTY_HEAD, segment([other.genesis])));
        const commit = writer.record(EMPTY_HEAD, { space: ZERO_HASH as SpaceId });
        await refuses(remote.append(commit.hash as string as SpaceId, EMPTY_HEAD, segment([commit])));
        await refuses(remote.append(writer.space, EMPTY_HEAD, segment([])));
        expect(await remote.head(writer.space)).toBeNull();
      });

      it('refuses records that do not continue the head', async () => {
        const { writer, head } = await createdSpace();
        const { space } = writer;
        const good = writer.record(head);
        const behind = headAfter(good);
        const bad: Record<string, LogRecord[]> = {
          'a gap': [writer.record(head, { position: 2 })],
          'another previous': [writer.record(head, { previous: hex(randomBytes(32)) as RecordHash })],
          'a gap inside the segment': [good, writer.record(behind, { position: 5 })],
          'the wrong order': [writer.record(behind), good],
          'a second genesis': [writer.genesis],
          'another space': [writer.record(head, { space: newSpace().space })],
          'a term by a commit': [writer.record(head, { term: 1 })],
          'a term that skips too many': [writer.record(head, { type: 'control', term: 1_001, previousControl: writer.genesis.hash })],
        };
        for (const records of Object.values(bad)) await unchanged(space, head, remote.append(space, head, segment(records)));
        const next = writer.record(head, { type: 'control', term: 3, previousControl: writer.genesis.hash });
        await remote.append(space, head, segment([next]));
        const older = writer.record(headAfter(next), { term: 2 });
        await unchanged(space, headAfter(next), remote.append(space, headAfter(next), segment([older])));
      });

      it('refuses garbage in place of a record', async () => {
        const { writer, head } = await createdSpace();
        const good = writer.record(head);
        const bad: LogRecord[] = [
          { ...good, headerBytes: randomBytes(80) },
          { ...good, headerBytes: new Uint8Array(0) },
          { ...good, body: randomBytes(64) },
          { ...good, body: randomBytes(6 * MIB) },
        ];
        for (const record of bad) await unchanged(writer.space, head, remote.append(writer.space, head, segment([record])));
      });

      it('refuses objects that do not match their id or are too large', async () => {
        const { writer, head } = await createdSpace();
        const { space } = writer;
        const wrong = { id: sealedObject(8).id, bytes: randomBytes(8) };
        await refuses(remote.putObjects(space, [wrong]));
        await refuses(remote.putObjects(space, [sealedObject(5 * MIB + 1)]));
        await refuses(remote.putObjects(space, [{ id: '../../../etc/passwd' as ObjectId, bytes: randomBytes(8) }]));
        expect((await remote.hasObjects(space, [wrong.id])).size).toBe(0);
        await unchanged(space, head, remote.append(space, head, segment([writer.record(head, { objects: [wrong.id] })], [wrong])));
        await unchanged(space, head, remote.append(space, head, segment([writer.record(head)], [sealedObject(5 * MIB)])));
      });

      it('refuses ids that are none, and too many at once', async () => {
        const { writer } = await createdSpace();
        const bad = '../../../../tmp/x' as SpaceId;
        await refuses(remote.head(bad));
        await refuses(remote.read(bad, 0, PAGE));
        await refuses(remote.append(bad, EMPTY_HEAD, segment([writer.genesis])));
        await refuses(remote.hasObjects(bad, []));
        await refuses(remote.putObjects(bad, [sealedObject(1)]));
        await refuses(remote.getObjects(writer.space, ['..' as ObjectId]));
        await refuses(remote.readCheckpoint(bad));
        await refuses(remote.writeCheckpoint(bad, 1, randomBytes(1)));
        await refuses(
          remote.getObjects(
            writer.space,
            Array.from({ length: 1_001 }, () => hex(randomBytes(32)) as ObjectId),
          ),
        );
        await refuses(remote.writeCheckpoint(writer.space, -1, randomBytes(1)));
      });

      it.each(atAll)('takes the largest segment that the port allows', async () => {
        const { writer, head } = await createdSpace();
        const object = sealedObject(4 * MIB - 1);
        const [first] = writer.chain(head, 1, 4 * MIB - 1024) as [LogRecord];
        const second = writer.record(headAfter(first), { objects: [object.id] }, randomBytes(3 * MIB));
        expect(await remote.append(writer.space, head, segment([first, second], [object]))).toMatchObject({ type: 'appended' });
        expect(await readAll(writer.space)).toHaveLength(3);
      });
    });
  });
}

function mailbox(): string {
  return hex(randomBytes(32));
}

async function refuses(attempt: Promise<unknown>): Promise<void> {
  const error = await attempt.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(RemoteError);
  expect((error as RemoteError).type).toBe('refused');
}

function decoded(bytes: Uint8Array): LogRecord {
  const record = decodeRecord(bytes);
  if (!record.ok) throw new Error(record.error);
  return record.value;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString();
}
