import { createSystemClock } from '../../src/node/system.ts';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Encrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readRecoverySecret } from '../../src/node/recovery-file.ts';
import { BACKUP_MAGIC, BackupReader, BackupUnreadable, encodeEntryHeader, type BackupEntry } from '../../src/node/backup/backup-format.ts';
import { restoreBackup, RestoreRefused } from '../../src/node/backup/restore-backup.ts';
import { nodeHome, prepareHome, type NodeHome } from '../../src/node/home.ts';
import { loadMachineIdentity } from '../../src/node/machine-identity.ts';
import { createKeptKeyWrapping } from '../../src/node/kept-key-wrapping.ts';
import { parseDescriptor } from '../../src/node/move-space.ts';
import { readRunning } from '../../src/node/running.ts';
import { encodeNote, parseNote } from '../../src/sources/file-tree/stat-note.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createZstd } from '../../src/store/zstd.ts';
import type { SpaceId } from '../../src/core/ids.ts';
import { createKeyWrappingDouble } from '../doubles/key-wrapping.ts';
import { random } from '../gateways/native-place.ts';
import { mutated, noise, noiseOr } from './mutate.ts';
import { anyCharacter } from '../doubles/any-character.ts';

/** Parsers of files that somebody else may have written or changed: each names what is wrong, and leaves nothing behind. */
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'satchel-fuzz-files-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const SPACE = 'aa'.repeat(32) as SpaceId;
const object = Buffer.from('an encrypted object');
const objectId = createHash('sha256').update(object).digest('hex');
const manifest: BackupEntry = {
  type: 'manifest',
  size: 0,
  made: '2026-01-01T00:00:00.000Z',
  version: '0',
  machine: { id: 'm', file: '{}' },
  home: '/home/x',
  host: 'x',
};

function plainBackup(store: Uint8Array): Buffer {
  return Buffer.concat([
    BACKUP_MAGIC,
    encodeEntryHeader(manifest),
    encodeEntryHeader({ type: 'file', name: 'store.db', size: store.length }),
    store,
    encodeEntryHeader({ type: 'object', space: SPACE, id: objectId, size: object.length }),
    object,
    encodeEntryHeader({ type: 'end', size: 0, objects: 1 }),
  ]);
}

describe('the reader of backups', () => {
  const read = async (bytes: Uint8Array): Promise<BackupEntry[]> => {
    const parts = [bytes.subarray(0, 40), bytes.subarray(40)].filter((part) => part.length > 0);
    const reader = new BackupReader(
      (async function* () {
        yield* parts;
      })(),
    );
    const entries: BackupEntry[] = [];
    await reader.begin();
    for (;;) {
      const entry = await reader.next();
      entries.push(entry);
      if (entry.type === 'end') return entries;
      for await (const part of reader.payload(entry.size)) expect(part.length).toBeGreaterThan(0);
    }
  };

  it('reads a good one (the control)', async () => {
    expect((await read(plainBackup(Buffer.from('db')))).map(({ type }) => type)).toEqual(['manifest', 'file', 'object', 'end']);
  });

  it('names whatever is wrong, for any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(noiseOr(plainBackup(Buffer.from('db'))), async (bytes) => {
        await read(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(BackupUnreadable));
      }),
      { numRuns: 1_500 },
    );
  });

  it.each([
    ['null', 'null'],
    ['a list', '[]'],
    ['no size', '{"type":"file","name":"store.db"}'],
    ['a negative size', '{"type":"file","name":"store.db","size":-1}'],
    ['a size that is a text', '{"type":"file","name":"store.db","size":"5"}'],
    ['a size beyond all disks', '{"type":"file","name":"store.db","size":1e300}'],
    ['a manifest without its machine', '{"type":"manifest","size":0}'],
    ['nesting of 30,000', '['.repeat(30_000)],
    ['a key that would reach a prototype', '{"__proto__":{"type":"end"}}'],
  ])('refuses an entry that is %s', async (_what, json) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(json.length);
    await expect(read(Buffer.concat([BACKUP_MAGIC, length, Buffer.from(json)]))).rejects.toBeInstanceOf(BackupUnreadable);
  });

  it('refuses an entry that announces gigabytes before it takes memory for them', async () => {
    const length = Buffer.alloc(4, 0xff);
    await expect(read(Buffer.concat([BACKUP_MAGIC, length]))).rejects.toBeInstanceOf(BackupUnreadable);
  });
});

describe('a restore', () => {
  let identity: string;
  let recipient: string;
  beforeAll(async () => {
    identity = await generateIdentity();
    recipient = await identityToRecipient(identity);
  });

  /** Refused by name, and nothing is there afterwards: not the home, and nothing beside it. */
  async function expectNothingRestored(bytes: Uint8Array): Promise<void> {
    const folder = await mkdtemp(join(root, 'restore-'));
    const file = join(folder, 'backup');
    await writeFile(file, bytes);
    const options = {
      file,
      home: join(folder, 'home'),
      identity,
      asSameMachine: false,
      random,
      clock: createSystemClock(),
      onProgress: () => undefined,
    };
    const error: unknown = await restoreBackup(options).catch((caught: unknown) => caught);
    expect(error instanceof BackupUnreadable || error instanceof RestoreRefused ? '' : error).toBe('');
    expect(await readdir(folder)).toEqual(['backup']);
    await rm(folder, { recursive: true });
  }

  async function encrypted(plain: Uint8Array): Promise<Uint8Array> {
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    return encrypter.encrypt(plain);
  }

  it('takes no foreign file, and none that was changed', async () => {
    const good = await encrypted(plainBackup(Buffer.from('db')));
    await fc.assert(fc.asyncProperty(noiseOr(good), expectNothingRestored), { numRuns: 40 });
  });

  it('takes nothing that someone else encrypted for this key and that is no backup', async () => {
    await fc.assert(
      fc.asyncProperty(noiseOr(plainBackup(Buffer.from('db'))), async (plain) => expectNothingRestored(await encrypted(plain))),
      { numRuns: 40 },
    );
  });

  it.each<[string, readonly BackupEntry[]]>([
    ['a file that is to lie elsewhere', [{ type: 'file', name: '../evil', size: 0 }]],
    ['a file with an absolute name', [{ type: 'file', name: '/tmp/evil', size: 0 }]],
    ['the keys of a machine', [{ type: 'file', name: 'keys/machine.json', size: 0 }]],
    ['a file twice', [1, 2].map((): BackupEntry => ({ type: 'file', name: 'config.json', size: 0 }))],
    ['an object of a space with a path for its id', [{ type: 'object', space: `../../${'a'.repeat(58)}`, id: objectId, size: 0 }]],
    ['an object of another content than its id', [{ type: 'object', space: SPACE, id: 'bb'.repeat(32), size: 0 }]],
    ['no database', [{ type: 'end', size: 0, objects: 0 }]],
  ])('takes no backup with %s', async (_what, entries) => {
    const plain = Buffer.concat([
      BACKUP_MAGIC,
      ...[manifest, ...entries, { type: 'end', size: 0, objects: entries.length } as const].map(encodeEntryHeader),
    ]);
    await expectNothingRestored(await encrypted(plain));
  });

  it('takes no database that is none', async () => {
    await expectNothingRestored(await encrypted(plainBackup(Buffer.from('SQLite format 3\0 and then nothing of the kind'))));
    await expectNothingRestored(await encrypted(plainBackup(random.bytes(9_000))));
  });
});

describe('files of this machine that were damaged', () => {
  let home: NodeHome;
  beforeEach(async () => {
    home = nodeHome(await mkdtemp(join(root, 'home-')));
    await prepareHome(home);
  });

  const texts = (good: string) =>
    fc.oneof(
      noiseOr(Buffer.from(good)),
      fc.json().map((json) => Buffer.from(json)),
    );

  it('the recovery secret is there, or named as damaged', async () => {
    const file = join(home.keys, `recovery-${SPACE.slice(0, 16)}.json`);
    await fc.assert(
      fc.asyncProperty(texts(JSON.stringify({ space: SPACE, secret: '11'.repeat(32) })), async (bytes) => {
        await writeFile(file, bytes, { mode: 0o600 });
        const secret: unknown = await readRecoverySecret(home, SPACE).catch((error: unknown) => error);
        if (secret instanceof Error) expect(secret.message).toMatch(/is damaged; make a new recovery key/);
        else expect((secret as Uint8Array).length).toBe(32);
      }),
      { numRuns: 150 },
    );
  });

  it('what says where the node runs is believed only where it is that', async () => {
    await fc.assert(
      fc.asyncProperty(texts('{"pid":5,"address":"http://127.0.0.1:1"}'), async (bytes) => {
        await writeFile(home.running, bytes, { mode: 0o600 });
        const running = await readRunning(home);
        if (running !== null) expect(typeof running.pid).toBe('number');
      }),
      { numRuns: 150 },
    );
  });

  it('the machine’s keys are whole, or named as damaged', async () => {
    const file = join(home.keys, 'machine.json');
    const wrapping = createKeyWrappingDouble(random);
    const good = { seed: '11'.repeat(32), ...(await wrapping.generate()), name: 'pi' };
    await fc.assert(
      fc.asyncProperty(texts(JSON.stringify(good)), async (bytes) => {
        await writeFile(file, bytes, { mode: 0o600 });
        const machine: unknown = await loadMachineIdentity(home, { random, wrapping }).catch((error: unknown) => error);
        if (machine instanceof Error) expect(machine.name).toBe('DamagedKeyFile');
      }),
      { numRuns: 150 },
    );
  });

  it('kept envelopes are read, or opened again', async () => {
    const file = join(home.keys, 'opened.json');
    await fc.assert(
      fc.asyncProperty(texts(JSON.stringify({ ['ab'.repeat(32)]: 'cd' })), async (bytes) => {
        await writeFile(file, bytes, { mode: 0o600 });
        const wrapping = createKeyWrappingDouble(random);
        const { identity, recipient } = await wrapping.generate();
        const kept = createKeptKeyWrapping(wrapping, { file, identity });
        const envelope = await wrapping.wrap(Buffer.from('plain'), recipient);
        expect(Buffer.from((await kept.unwrap(envelope, identity)) as Uint8Array).toString()).toBe('plain');
      }),
      { numRuns: 100 },
    );
  });

  it('a database of noise is named, not taken', async () => {
    await mkdir(join(home.store, '..'), { recursive: true });
    await writeFile(home.store, random.bytes(20_000), { mode: 0o600 });
    await expect(createSqliteStore({ path: home.store })).rejects.toMatchObject({ name: 'StoreUnusable' });
  });
});

describe('small foreign texts', () => {
  it('notes on files are read, or the file is', () => {
    const stat = { size: 5, mtimeNs: 7n, ctimeNs: 8n, ino: 9n, mode: 420 };
    const good = encodeNote({ stat, sha256: 'ab'.repeat(32), length: 5, unsettled: false });
    expect(parseNote(good)).not.toBeNull();
    const text = fc.oneof(
      fc.string({ unit: anyCharacter }),
      fc.json(),
      mutated(Buffer.from(good)).map((bytes) => Buffer.from(bytes).toString('latin1')),
    );
    fc.assert(
      fc.property(text, (local) => {
        const note = parseNote(local);
        if (note !== null) expect(typeof note.stat.mtimeNs).toBe('bigint');
      }),
      { numRuns: 2_000 },
    );
  });

  it('where a log moved to is an address, or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: anyCharacter }), fc.json(), fc.constant('null')), (text) => {
        const descriptor = parseDescriptor(text);
        if (descriptor !== null) expect(typeof descriptor.address).toBe('string');
      }),
      { numRuns: 1_000 },
    );
  });

  it('zstd frames expand to what is declared, or not at all', async () => {
    const zstd = createZstd();
    const good = await zstd.compress(Buffer.from('text and text and text and text and text'));
    await fc.assert(
      fc.asyncProperty(fc.oneof(noise, mutated(good)), fc.nat({ max: 100 }), async (bytes, length) => {
        const expanded: unknown = await zstd.expand(bytes, length).catch((error: unknown) => error);
        if (expanded instanceof Uint8Array) expect(expanded.length).toBe(length);
        else expect(expanded).toBeInstanceOf(Error);
      }),
      { numRuns: 1_000 },
    );
  });
});
