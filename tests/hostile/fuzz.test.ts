import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { decodeCanonical } from '../../src/core/canonical.ts';
import { openContainer, sealContainer } from '../../src/core/crypto/container.ts';
import { openCommitBody, openObject, sealBundle, sealChunk, type SealedObject } from '../../src/core/crypto/object-cipher.ts';
import { sha256Hex } from '../../src/core/crypto/hash.ts';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { createSpaceKeys } from '../../src/core/crypto/space-keys.ts';
import * as wire from '../../src/core/hub-protocol/wire.ts';
import type { CommitId, ObjectId, RecordHash, SpaceId } from '../../src/core/ids.ts';
import { parseItem } from '../../src/core/item.ts';
import {
  invitationKeys,
  openAnswer,
  openOffer,
  openRequest,
  sealAnswer,
  sealOffer,
  sealRequest,
} from '../../src/core/joining/invitation.ts';
import { formatJoinLink, parseJoinLink } from '../../src/core/joining/link.ts';
import { secretToWords, wordsToSecret } from '../../src/core/joining/words.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { decodeCommit, encodeCommit } from '../../src/core/log/commit-codec.ts';
import { decodeControl } from '../../src/core/log/control.ts';
import { decodeRecord, encodeRecord, hasValidSignature, type Head, type LogRecord } from '../../src/core/log/record.ts';
import { openCheckpoint } from '../../src/core/replica/checkpoint.ts';
import { createSpace } from '../../src/core/replica/create-space.ts';
import { openText } from '../../src/core/replica/sealed-text.ts';
import { createZstd } from '../../src/store/zstd.ts';
import { createTestMachine } from '../doubles/machine.ts';
import { mutated, noise, noiseOr } from './mutate.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { extent } from '../setup/extent.ts';
import { anyCharacter } from '../doubles/any-character.ts';

/**
 * Every parser of foreign bytes, with noise and with valid bytes that were changed a little: none throws, none takes a
 * changed thing that was signed or authenticated, and none takes what it would write differently.
 */
const RUNS = { numRuns: extent(300, 1_000) };
const random = createSeededRandom('fuzz');
const zstd = createZstd();
const SPACE = 'aa'.repeat(32) as SpaceId;
const COMMIT = 'bb'.repeat(16) as CommitId;
const keys = createSpaceKeys({ spaceKey: random.bytes(32), epochKeys: new Map([[1, random.bytes(32)]]) });
const signing = createSigningKey(random.bytes(32));
const HEAD: Head = { term: 0, position: 4, hash: 'cc'.repeat(32) as RecordHash };

describe('parsers of records', () => {
  let genesis: LogRecord;
  beforeAll(async () => {
    const deps = await createTestMachine({
      name: 'a',
      seed: 'fuzz',
      store: await createSqliteStore({ path: ':memory:' }),
      objects: createObjectStoreDouble(),
      clock: createTestClock(),
    });
    genesis = (await createSpace(deps, 'sealed')).genesis;
  });

  it('take no changed record as signed', () => {
    fc.assert(
      fc.property(noiseOr(encodeRecord(genesis)), (bytes) => {
        const record = decodeRecord(bytes);
        if (!record.ok) return;
        expect(hasValidSignature(record.value)).toBe(false);
        expect(Buffer.from(encodeRecord(record.value))).toEqual(Buffer.from(bytes));
      }),
      RUNS,
    );
  });

  it('never throw on control payloads', () => {
    fc.assert(
      fc.property(noiseOr(genesis.body), (bytes) => {
        decodeControl(bytes);
      }),
      RUNS,
    );
  });

  it('never throw on checkpoints', () => {
    fc.assert(
      fc.property(noise, (bytes) => {
        expect(openCheckpoint(bytes, SPACE).ok).toBe(false);
      }),
      RUNS,
    );
  });
});

describe('the parser of commits', () => {
  const object = 'dd'.repeat(32) as ObjectId;
  const header = { objects: [object], keyId: 1 };
  const digest = 'ee'.repeat(32) as never;
  const content = { digest, size: 7, attributes: { mode: 493 }, pieces: [{ object, keyId: 1, offset: 2, length: 7 }] };
  const item = { kind: 'text', name: 'a/b.md' };
  const good = encodeCommit(
    {
      id: COMMIT,
      time: 1_000,
      message: 'hello',
      writer: 'home',
      session: 's',
      changes: [
        { type: 'put', item, base: null, needs: [{ item, revision: null }], content, history: [content] },
        { type: 'append', item, base: digest, needs: [], baseDigest: digest, baseSize: 7, tail: content.pieces, content },
        { type: 'keep', item, base: digest, needs: [], content: null, history: [] },
        { type: 'resolve', item, base: digest, needs: [], siblings: [digest] },
        { type: 'delete', item, base: digest, needs: [] },
      ],
      carried: [new Uint8Array(3)],
    },
    header,
  );

  it('reads the good one', () => {
    expect(decodeCommit(good, COMMIT, header).ok).toBe(true);
  });

  it('never throws, and what it takes keeps every limit', () => {
    fc.assert(
      fc.property(noiseOr(good), (bytes) => {
        const commit = decodeCommit(bytes, COMMIT, header);
        if (!commit.ok) return;
        for (const change of commit.value.changes) {
          expect(parseItem(change.item.kind, change.item.name).ok).toBe(true);
          if (change.type === 'put') expect(change.content.size).toBeLessThanOrEqual(LIMITS.bodyBytes);
        }
      }),
      { numRuns: extent(1_000, 3_000) },
    );
  });
});

describe('the canonical encoding', () => {
  it('has one form for each value, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        decodeCanonical(bytes, 1_000); // throws where equal values would have two forms: it compares with the re-encoding
      }),
      { numRuns: extent(1_000, 5_000) },
    );
  });

  it('refuses nesting that would exhaust the stack, and lets no key reach a prototype', () => {
    expect(decodeCanonical(new Uint8Array(4_000_000).fill(0x81), 5_000_000).ok).toBe(false);
    // {"__proto__": {"a": true}}: a key like any other, which makes nothing inherit.
    const decoded = decodeCanonical(Buffer.from('a1695f5f70726f746f5f5fa16161f5', 'hex'), 100);
    const value = decoded.ok ? (decoded.value as { readonly [key: string]: unknown }) : {};
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value['a']).toBeUndefined();
  });

  it.each([
    ['a tag', 'c001'],
    ['undefined', 'f7'],
    ['a list of indefinite length', '9f01ff'],
    ['a number in more bytes than needed', '1801'],
    ['a whole number as float', 'f93c00'],
    ['NaN', 'f97e00'],
    ['a key twice', 'a2616101616102'],
    ['keys out of order', 'a2616201616101'],
    ['a string that is not UTF-8', '61ff'],
    ['bytes behind the value', '0101'],
    ['a number over 2^53', '1bffffffffffffffff'],
    ['nothing', ''],
  ])('refuses %s', (_what, hex) => {
    expect(decodeCanonical(Buffer.from(hex, 'hex'), 100).ok).toBe(false);
  });
});

describe('parsers of encrypted things', () => {
  const binding = { space: SPACE, keyId: 1, signer: signing.machine, commit: COMMIT };
  const plain = Buffer.from('some text that compresses, some text that compresses, some text that compresses');
  let chunk: SealedObject;
  let bundle: SealedObject;
  beforeAll(async () => {
    chunk = await sealChunk(plain, SPACE, 1, keys, zstd);
    bundle = await sealBundle(plain, binding, keys, zstd, random);
  });

  it('take no changed object, under its own id or another', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(noiseOr(chunk.bytes), noiseOr(bundle.bytes)), async (bytes) => {
        expect((await openObject({ id: chunk.id, bytes }, SPACE, keys, zstd)).ok).toBe(false);
        expect((await openObject({ id: sha256Hex(bytes) as ObjectId, bytes }, SPACE, keys, zstd)).ok).toBe(false);
      }),
      RUNS,
    );
  });

  it('take no object of another space', async () => {
    for (const object of [chunk, bundle]) {
      expect((await openObject(object, SPACE, keys, zstd)).ok).toBe(true);
      expect(await openObject(object, 'ab'.repeat(32) as SpaceId, keys, zstd)).toMatchObject({ ok: false, error: { type: 'damaged' } });
    }
  });

  it('never throw on commit bodies and sealed texts', async () => {
    await fc.assert(
      fc.asyncProperty(noise, async (bytes) => {
        expect((await openCommitBody(bytes, binding, keys, zstd)).ok).toBe(false);
        expect(await openText(bytes, SPACE, keys, zstd)).toBeNull();
      }),
      RUNS,
    );
  });

  it('expand a container to what it declares, within the limit, or not at all', async () => {
    const good = await sealContainer(plain, zstd);
    await fc.assert(
      fc.asyncProperty(noiseOr(good), async (bytes) => {
        const opened = await openContainer(bytes, 1_000, zstd);
        if (opened.ok) expect(opened.value.length).toBeLessThanOrEqual(1_000);
      }),
      RUNS,
    );
  });

  it('do not expand a bomb: the declared length is all that is ever allocated', async () => {
    const zeros = new Uint8Array(64 * 1024 * 1024);
    const bomb = await sealContainer(zeros, zstd);
    expect(bomb.length).toBeLessThan(16_000);
    expect(await openContainer(bomb, LIMITS.objectExpanded, zstd)).toMatchObject({
      ok: false,
      error: expect.stringContaining('more than the limit') as unknown,
    });
    // One that claims little and holds much.
    const liar = Buffer.from(bomb);
    liar.writeUInt32BE(100, 1);
    expect(await openContainer(liar, LIMITS.objectExpanded, zstd)).toMatchObject({
      ok: false,
      error: expect.stringContaining('does not expand') as unknown,
    });
  });
});

describe('parsers of joining', () => {
  const invitation = invitationKeys(random.bytes(16));
  const offer = sealOffer(
    { space: SPACE, inviter: signing.machine, head: HEAD, expires: 1, inviterName: 'pi', hubKey: null, tlsPin: null },
    invitation,
    random,
  );
  const request = sealRequest({ recipient: 'age1x', name: 'x' }, signing, offer, invitation, random);
  const answer = sealAnswer({ accepted: false, reason: 'no' }, offer, request, invitation, random);

  it('take no changed letter', () => {
    fc.assert(
      fc.property(noiseOr(offer), (bytes) => !openOffer(bytes, invitation).ok),
      RUNS,
    );
    fc.assert(
      fc.property(noiseOr(request), (bytes) => !openRequest(bytes, offer, invitation).ok),
      RUNS,
    );
    fc.assert(
      fc.property(noiseOr(answer), (bytes) => !openAnswer(bytes, offer, request, invitation).ok),
      RUNS,
    );
  });

  it('never throw on links', () => {
    const link = formatJoinLink({
      remote: { address: 'http://pi.lan:4600', hubKey: signing.machine },
      secret: random.bytes(16),
      invites: 'space',
      space: SPACE,
      inviter: signing.machine,
      head: HEAD,
    });
    const bytes = Buffer.from(link);
    const text = fc.oneof(
      fc.string({ unit: anyCharacter }),
      mutated(bytes).map((b) => Buffer.from(b).toString('latin1')),
    );
    fc.assert(
      fc.property(text, (typed) => {
        const parsed = parseJoinLink(typed);
        if (!parsed.ok) expect(parsed.error).not.toContain(Buffer.from(link.slice(-40)).toString());
        else expect(parsed.value.secret.length).toBe(16);
      }),
      RUNS,
    );
  });

  it('never throw on words, and take only what has its check', () => {
    const words = secretToWords(random.bytes(16));
    const text = fc.oneof(
      fc.string({ unit: anyCharacter }),
      mutated(Buffer.from(words)).map((b) => Buffer.from(b).toString('latin1')),
    );
    fc.assert(
      fc.property(text, fc.constantFrom<12 | 24>(12, 24), (typed, count) => {
        const parsed = wordsToSecret(typed, count);
        if (parsed.ok) expect(parsed.value.length).toBe(count === 12 ? 16 : 32);
      }),
      RUNS,
    );
  });
});

describe('the parser of names', () => {
  it('takes no name that leaves a root, and none in two spellings', () => {
    const part = fc.oneof(
      fc.string({ unit: anyCharacter, maxLength: 6 }),
      fc.constantFrom('..', '.', '', '/', '\\', '\0', 'C:', 'e\u0301', '\ud800', 'a'),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.oneof(fc.constant('text'), fc.anything()), (parts, kind) => {
        for (const name of [parts.join('/'), parts.join('')]) {
          const item = parseItem(kind, name);
          if (!item.ok) continue;
          expect(join('/root', item.value.name).startsWith('/root/')).toBe(true);
          expect(item.value.name).toBe(item.value.name.normalize('NFC'));
          expect(item.value.name).not.toMatch(/[\0\\]/);
        }
      }),
      { numRuns: extent(1_000, 3_000) },
    );
  });
});

describe('parsers of the hub’s answers', () => {
  const object = { id: SPACE as string as ObjectId, bytes: new Uint8Array(9) };
  const samples: readonly (readonly [string, Uint8Array, (bytes: Uint8Array) => { readonly ok: boolean }])[] = [
    ['pages', wire.encodePage({ head: HEAD, records: [new Uint8Array(5)] }), wire.decodePage],
    ['heads', wire.encodeHead(HEAD), wire.decodeHead],
    [
      'appends',
      wire.encodeAppend({ expected: HEAD, records: [new Uint8Array(5)], objects: [object], gone: [object.id] }),
      wire.decodeAppend,
    ],
    ['outcomes', wire.encodeOutcome({ type: 'moved', head: HEAD, missing: [new Uint8Array(2)] }), wire.decodeOutcome],
    ['ids', wire.encodeIds([object.id]), (bytes) => wire.decodeIds(bytes, 10)],
    ['presence', wire.encodePresence([object.id], new Set()), (bytes) => wire.decodePresence(bytes, [object.id])],
    ['objects', wire.encodeObjects([object]), wire.decodeObjects],
    ['answers of objects', wire.encodeObjectAnswer({ objects: [object], absent: [object.id] }), wire.decodeObjectAnswer],
    [
      'live lines with segments',
      Buffer.from(
        wire.encodeLiveLine(
          SPACE,
          { ...HEAD, position: HEAD.position + 1 },
          { expected: HEAD, records: [new Uint8Array(5)], objects: [object] },
        ),
      ),
      (bytes) => wire.decodeLiveLine(Buffer.from(bytes).toString()),
    ],
    ['live lines', Buffer.from(wire.encodeLiveLine(SPACE, HEAD)), (bytes) => wire.decodeLiveLine(Buffer.from(bytes).toString())],
  ];

  it.each(samples)('%s: never throw', (_what, good, decode) => {
    expect(decode(good).ok).toBe(true);
    fc.assert(
      fc.property(noiseOr(good), (bytes) => {
        decode(bytes);
      }),
      RUNS,
    );
  });
});

describe('the config file', () => {
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'satchel-fuzz-'));
  });
  afterAll(() => rm(home, { recursive: true }));

  it.each([
    ['lists in lists', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['maps in maps', `${'{"sources":'.repeat(50_000)}1${'}'.repeat(50_000)}`],
    ['nesting where a setting is due', `{"sources":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
    ['a key that reaches a prototype', '{"__proto__":{"hub":true},"constructor":{"prototype":{"hub":true}}}'],
    ['100,000 unknown settings', `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":0`).join()}}`],
  ])('names what is wrong with %s', async (_what, text) => {
    const environment = readEnvironment({ HOME: home, SATCHEL_HOME: home });
    if (!environment.ok) throw new Error('the environment was refused');
    await writeFile(join(home, 'config.json'), text, { mode: 0o600 });
    const config = await loadConfig(environment.value);
    expect(config.ok).toBe(false);
    expect(JSON.stringify(config).length).toBeLessThan(100_000);
    expect(({} as { hub?: boolean }).hub).toBeUndefined();
  });

  it('never throws: problems are named, with the file', async () => {
    const environment = readEnvironment({ HOME: home, SATCHEL_HOME: home });
    if (!environment.ok) throw new Error('the environment was refused');
    const good = Buffer.from(JSON.stringify({ host: '127.0.0.1', port: 4600, hub: false, logLevel: 'info', sources: [] }));
    const file = join(home, 'config.json');
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          noiseOr(good),
          fc.json().map((text) => Buffer.from(text)),
        ),
        async (bytes) => {
          await writeFile(file, bytes, { mode: 0o600 });
          const config = await loadConfig(environment.value);
          if (!config.ok) expect(config.error.length).toBeGreaterThan(0);
        },
      ),
      RUNS,
    );
  });
});
