import { beforeEach, describe, expect, it } from 'vitest';
import { encodeCanonical, type Canonical } from '../../src/core/canonical.ts';
import { sealCommitBody } from '../../src/core/crypto/object-cipher.ts';
import { bytesToHex, hexToBytes, type CommitId, type ObjectId } from '../../src/core/ids.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { encodeRecord, sealRecord, type LogRecord } from '../../src/core/log/record.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { push } from '../../src/core/replica/transfer.ts';
import { textItem } from '../replica/home.ts';
import { DIGEST, emptyPut, Forger, resigned } from './forge.ts';
import { createWorld, decoded, expectInSync, expectUnharmed, recordsAt, snapshotOf, voidsOf, type World } from './world.ts';

/** A member whose machine turned bad holds the keys and may append: what breaks the rule or the format is void. */
describe('commits by a malicious member', () => {
  let world: World;
  let forger: Forger;

  beforeEach(async () => {
    world = await createWorld('member');
    forger = new Forger(world.b.replica, world.hub);
  });

  const by = () => world.b.replica.deps.machine.key;
  const revision = async (name: string) => {
    const state = (await world.a.replica.visible([textItem(name)])).values().next().value;
    return state?.revision as string;
  };

  /** `a` reads the record, finds it void, and neither its items nor its draft change. */
  async function expectVoid(record: LogRecord, reason: string | RegExp): Promise<void> {
    await world.a.write('draft.md', 'unsent\n');
    const before = await snapshotOf(world.a);
    await forger.plant(record);
    expect((await pull(world.a.replica, world.hub)).divergence).toBeNull();
    expect((await voidsOf(world.a)).get(record.header.position)).toMatch(reason);
    await expectUnharmed(world.a, before, world);
  }

  it.each([
    '../../.ssh/authorized_keys',
    '/etc/passwd',
    'a/../../b',
    'a//b',
    '.',
    '..',
    'a\\..\\b',
    'C:/x',
    'nul\0byte',
    'line\nbreak',
    '',
  ])('a name that leaves its root: %j', async (name) => {
    await expectVoid(await forger.commit([emptyPut(name)], { by: by() }), /^commit: name (has|holds|is|begins)/);
  });

  it.each([
    ['a name that is not NFC', 'e\u0301.md', 'commit: name is not in Unicode form NFC'],
    ['a name over the limit', 'x'.repeat(LIMITS.nameBytes + 1), `commit: name is longer than ${LIMITS.nameBytes} bytes`],
    ['a name of too many segments', Array(65).fill('a').join('/'), 'commit: name has more than 64 segments'],
  ])('%s', async (_what, name, reason) => {
    await expectVoid(await forger.commit([emptyPut(name)], { by: by() }), reason);
  });

  it('a need whose name leaves its root', async () => {
    await expectVoid(await forger.commit([emptyPut('x.md', null, [['text', '../y', null]])], { by: by() }), /^commit: name has/);
  });

  it.each<[string, () => readonly Canonical[] | Uint8Array, string]>([
    ['an unknown change type', () => [[9, 'text', 'x.md', null, []]], 'commit: unknown change'],
    ['a future version', () => encodeCanonical([2, 0, '', '', null, [], []]), 'commit: unknown version'],
    ['too many fields', () => [[2, 'text', 'x.md', null, [], 1]], 'commit: 6 fields instead of 5'],
    ['no CBOR', () => Buffer.from('ffffff', 'hex'), 'commit: '],
    ['bytes behind the CBOR', () => Buffer.concat([encodeCanonical([1, 0, '', '', null, [], []]), Buffer.of(0)]), 'commit: '],
    ['a list of indefinite length', () => Buffer.from('9f0100606060f68080ff', 'hex'), 'commit: '],
    ['a count that is longer than needed', () => Buffer.from('8718010060600f68080', 'hex'), 'commit: '],
    ['a float where a count is due', () => [[0, 'text', 'x.md', null, [], [DIGEST, 0.5, {}, []], []]], 'commit: a count is missing'],
    ['a negative size', () => [[0, 'text', 'x.md', null, [], [DIGEST, -1, {}, []], []]], 'commit: a count is missing'],
    ['a digest of 31 bytes', () => [[0, 'text', 'x.md', null, [], [DIGEST.subarray(1), 0, {}, []], []]], 'commit: 31 bytes instead of 32'],
    [
      'pieces that do not add up',
      () => [[0, 'text', 'x.md', null, [], [DIGEST, 5, {}, []], []]],
      'commit: pieces do not add up to the size',
    ],
    [
      'a piece outside any object',
      () => [[0, 'text', 'x.md', null, [], [DIGEST, 5, {}, [[DIGEST, 1, LIMITS.objectExpanded, 5]]], []]],
      'commit: a piece lies outside any object',
    ],
    [
      'a piece of an object that the header does not name',
      () => [[0, 'text', 'x.md', null, [], [DIGEST, 5, {}, [[3, 0, 5]]], []]],
      'commit: a piece names an object that the header does not',
    ],
    [
      'attributes over the limit',
      () => [[0, 'text', 'x.md', null, [], [DIGEST, 0, { note: 'x'.repeat(LIMITS.attributesBytes) }, []], []]],
      'commit: attributes are too long',
    ],
    ['attributes that are a list', () => [[0, 'text', 'x.md', null, [], [DIGEST, 0, [], []], []]], 'commit: attributes are no map'],
    ['a message over the limit', () => encodeCanonical([1, 0, 'x'.repeat(LIMITS.messageBytes + 1), '', null, [], []]), 'commit: a text is'],
    [
      'more changes than a commit takes',
      () => Array.from({ length: LIMITS.changesPerCommit + 1 }, (_, i) => emptyPut(`${i}.md`)),
      `commit: a list is longer than ${LIMITS.changesPerCommit}`,
    ],
    ['a body of more bytes than any body has', () => [hugeBody()], 'commit: a body is larger than the format allows'],
  ])('%s', async (_what, make, reason) => {
    await expectVoid(await forger.commit(make(), { by: by() }), new RegExp(`^${reason}`));
  });

  /** A hundred bytes that would expand to half a terabyte: one object named again and again. */
  function hugeBody(): Canonical {
    const pieces = Array.from({ length: 1_000 }, (): Canonical => [DIGEST, 1, 0, LIMITS.objectExpanded]);
    return [0, 'text', 'x.md', null, [], [DIGEST, 1_000 * LIMITS.objectExpanded, {}, pieces], []];
  }

  it('appends that add up to more than any body has', async () => {
    const tail: Canonical = [[DIGEST, 1, 0, LIMITS.objectExpanded]];
    const times = LIMITS.bodyBytes / LIMITS.objectExpanded;
    const pieces = Array.from({ length: times }, (): Canonical => [DIGEST, 1, 0, LIMITS.objectExpanded]);
    const put: Canonical = [0, 'text', 'x.md', null, [], [DIGEST, LIMITS.bodyBytes, {}, pieces], []];
    const planted = await forger.plant(await forger.commit([put], { by: by() }));
    await pull(world.a.replica, world.hub);
    expect((await voidsOf(world.a)).has(planted.header.position)).toBe(false);
    const base = await revision('x.md');
    const append: Canonical = [1, 'text', 'x.md', hexToBytes(base), [], DIGEST, LIMITS.bodyBytes, DIGEST, {}, tail];
    const record = await forger.plant(await forger.commit([append], { by: by() }));
    await pull(world.a.replica, world.hub);
    expect((await voidsOf(world.a)).get(record.header.position)).toMatch(/the body grows larger than the format allows$/);
  });

  it('a base that is not the current revision', async () => {
    const base = await revision('one.md');
    await world.a.write('one.md', 'newer\n');
    await world.a.sync(world.hub);
    await world.b.sync(world.hub);
    await expectVoid(await forger.commit([emptyPut('one.md', base)], { by: by() }), /made from a revision that is not the current one$/);
  });

  it('no base for an item that exists', async () => {
    await expectVoid(await forger.commit([emptyPut('one.md')], { by: by() }), /made from a revision that is not the current one$/);
  });

  it('a need that is not met, which voids the whole commit', async () => {
    const changes = [emptyPut('fine.md'), emptyPut('x.md', null, [['text', 'absent.md', null]])];
    await expectVoid(await forger.commit(changes, { by: by() }), /needs absent.md, which does not exist$/);
    expect(await world.a.replica.visible([textItem('fine.md')])).toEqual(new Map());
  });

  it('a need of another revision', async () => {
    const needs: Canonical[] = [['text', 'one.md', DIGEST]];
    await expectVoid(await forger.commit([emptyPut('x.md', null, needs)], { by: by() }), /needs another revision of one.md$/);
  });

  it('a deletion of what does not exist', async () => {
    await expectVoid(await forger.commit([[2, 'text', 'absent.md', null, []]], { by: by() }), /does not exist$/);
  });

  it('a resolution of a conflict that is not open', async () => {
    const base = hexToBytes(await revision('one.md'));
    await expectVoid(await forger.commit([[4, 'text', 'one.md', base, [], [DIGEST]]], { by: by() }), /not open$/);
  });

  it('an append to another body', async () => {
    const base = hexToBytes(await revision('one.md'));
    const append: Canonical = [1, 'text', 'one.md', base, [], DIGEST, 4, DIGEST, {}, []];
    await expectVoid(await forger.commit([append], { by: by() }), /appends to another body$/);
  });

  it('a commit by a reader', async () => {
    const reader = await world.machine('reader', 'reader');
    await expectVoid(await forger.commit([emptyPut('x.md')], { by: reader.machine.key }), 'its signer may not write here');
  });

  it('a commit by nobody', async () => {
    const nobody = await world.machine('nobody', null);
    await expectVoid(await forger.commit([emptyPut('x.md')], { by: nobody.machine.key }), 'its signer may not write here');
  });

  it('a commit in the name of the owner', async () => {
    const record = await forger.commit([emptyPut('x.md')], { by: by(), header: {} });
    const inName = sealRecord(record.header, record.body, world.a.replica.deps.machine.key);
    await expectVoid(resigned(inName, record.signature), 'its signature is wrong');
  });

  it('a body that was encrypted for another commit', async () => {
    const [x, y] = [await forger.commit([emptyPut('x.md')], { by: by() }), await forger.commit([emptyPut('y.md')], { by: by() })];
    await expectVoid(sealRecord(x.header, y.body, by()), 'commit body fails authentication');
  });

  it('a body of garbage', async () => {
    const record = await forger.commit([], { by: by() });
    await expectVoid(sealRecord(record.header, new Uint8Array(100), by()), 'commit body fails authentication');
  });

  it('a body that claims to expand beyond the limit', async () => {
    const { replica } = world.b;
    const record = await forger.commit([], { by: by() });
    const binding = { space: world.space, keyId: 1, signer: by().machine, commit: record.header.id };
    const body = await sealCommitBody(
      new Uint8Array(LIMITS.commitExpanded + 1),
      binding,
      replica.keys,
      replica.deps.compression,
      replica.deps.random,
    );
    expect(body.length).toBeLessThan(200_000);
    await expectVoid(sealRecord(record.header, body, by()), /^expands to 16777217 bytes, more than the limit/);
  });

  it('the same commit twice', async () => {
    const first = await forger.plant(await forger.commit([forger.emptyPut('x.md')], { by: by() }));
    await world.a.sync(world.hub);
    const again = await forger.commit([emptyPut('y.md')], { by: by(), header: { id: first.header.id } });
    await expectVoid(again, 'its id is in the log already');
  });

  it('the id of a commit that another machine is about to send: it lands all the same, once', async () => {
    await world.a.write('mine.md', 'mine\n');
    const id = world.a.replica.drafts[0]?.id as CommitId;
    await forger.plant(await forger.commit([forger.emptyPut('theirs.md')], { by: by(), header: { id } }));
    await push(world.a.replica, world.hub);
    expect(world.a.replica.drafts).toEqual([]);
    await expectInSync(world);
    expect(world.b.files.get('mine.md')).toBe('mine\n');
    expect([...(await voidsOf(world.a)).values()]).toEqual([]);
  });

  it.each<[string, (draft: CommitId) => Promise<Uint8Array>]>([
    [
      'nobody signed',
      async (id) => {
        const record = await forger.commit([], { by: world.a.replica.deps.machine.key, header: { id } });
        return encodeRecord(resigned(record, new Uint8Array(64)));
      },
    ],
    [
      'is of another space',
      async (id) => {
        const space = bytesToHex(DIGEST) as World['space'];
        return encodeRecord(await forger.commit([], { by: by(), header: { id, space } }));
      },
    ],
    ['is no record', async () => Buffer.from('nonsense')],
  ])('carries a record that %s: the draft of that id stays', async (_what, make) => {
    await world.a.write('draft.md', 'unsent\n');
    const id = world.a.replica.drafts[0]?.id as CommitId;
    const record = await forger.commit([emptyPut('x.md')], { by: by() }, [await make(id)]);
    await expectVoid(
      record,
      /^it carries (a record that is no commit of this space|what is no record|a record that its author did not sign)/,
    );
  });

  it('carries a record of its own under the id of another machine’s draft: the draft lands all the same', async () => {
    await world.a.write('mine.md', 'mine\n');
    const id = world.a.replica.drafts[0]?.id as CommitId;
    const carried = encodeRecord(await forger.commit([], { by: by(), header: { id } }));
    await forger.plant(await forger.commit([forger.emptyPut('x.md')], { by: by() }, [carried]));
    await pull(world.a.replica, world.hub);
    expect(world.a.replica.drafts).toHaveLength(1);
    await push(world.a.replica, world.hub);
    await world.b.sync(world.hub);
    const state = (await world.b.replica.visible([textItem('mine.md')])).values().next().value;
    expect(state?.content?.size).toBe(5);
  });

  it('carries a commit that is in the log', async () => {
    const landed = (await recordsAt(world.hub, world.space)).findLast((bytes) => decoded(bytes).header.type === 'commit') as Uint8Array;
    await expectVoid(await forger.commit([emptyPut('x.md')], { by: by() }, [landed]), 'it carries a commit that is in the log already');
  });

  it('names objects that are not there, or that hold something else: only that body is missing', async () => {
    const content: Canonical = [DIGEST, 5, {}, [[DIGEST, 1, 0, 5]]];
    await forger.plant(await forger.commit([[0, 'text', 'broken.md', null, [], content, []]], { by: by() }));
    await pull(world.a.replica, world.hub);
    const [state] = (await world.a.replica.visible([textItem('broken.md')])).values();
    if (state?.content == null) throw new Error('the item is missing');
    await expect(world.a.replica.bodies.read(state.content)).rejects.toMatchObject({ name: 'BodyUnavailable', reason: 'withheld' });
    expect(Buffer.from(await readOf('one.md')).toString()).toBe('one\n');
  });

  it.each([
    ['another digest than its bytes have', 0, 4, 'the body does not match its digest'],
    ['more bytes than the object holds', 0, 4_000, 'is shorter than the log says'],
  ])('lies about a body: %s', async (_what, offset, length, message) => {
    const [good] = (await world.a.replica.visible([textItem('one.md')])).values();
    const object = good?.content?.pieces[0]?.object as ObjectId;
    const content: Canonical = [DIGEST, length, {}, [[hexToBytes(object), 1, offset, length]]];
    await forger.plant(await forger.commit([[0, 'text', 'lie.md', null, [], content, []]], { by: by() }));
    await pull(world.a.replica, world.hub);
    const [state] = (await world.a.replica.visible([textItem('lie.md')])).values();
    if (state?.content == null) throw new Error('the item is missing');
    const expected = { reason: 'damaged', message: expect.stringContaining(message) as unknown as string };
    await expect(world.a.replica.bodies.read(state.content)).rejects.toMatchObject(expected);
  });

  async function readOf(name: string): Promise<Uint8Array> {
    const [state] = (await world.a.replica.visible([textItem(name)])).values();
    if (state?.content == null) throw new Error('the item is missing');
    return world.a.replica.bodies.read(state.content);
  }

  it('logs no name of an item when it finds a record void', async () => {
    const lines: string[] = [];
    const deps = { ...world.a.replica.deps, log: (event: string, details: object) => lines.push(event + JSON.stringify(details)) };
    const replica = await Replica.open(deps, world.space);
    for (const changes of [
      [emptyPut('one.md')],
      [emptyPut('secret-plan.md', null, [['text', 'secret-need.md', null]])],
      [emptyPut('secret-plan.md', bytesToHex(DIGEST))],
    ] as const)
      await forger.plant(await forger.commit(changes, { by: by() }));
    await pull(replica, world.hub);
    expect(lines.filter((line) => line.startsWith('record is void'))).toHaveLength(3);
    expect(lines.join('\n')).not.toMatch(/one\.md|secret/);
  });
});
