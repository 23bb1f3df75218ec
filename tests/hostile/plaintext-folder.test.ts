import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeCheckpoint } from '../../src/core/replica/late-join.ts';
import type { ReplicaDeps } from '../../src/core/replica/deps.ts';
import { createAgeKeyWrapping } from '../../src/node/age-key-wrapping.ts';
import { createFolder, openFolderRemote } from '../../src/remotes/folder/open.ts';
import { createZstd } from '../../src/store/zstd.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createTestMachine, followSpace, foundSpace } from '../doubles/machine.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import { invitationKeys, sealOffer, sealRequest } from '../../src/core/joining/invitation.ts';
import { secretToWords } from '../../src/core/joining/words.ts';
import { random } from '../gateways/native-place.ts';
import { Home } from '../replica/home.ts';
import { filesBelow, search } from './plaintext-search.ts';

const NAMES = ['zebra-quartz-filename-4711', 'heron-opal-machine-name', 'ibex-pumice-other-machine'];
const BODIES = ['walrus-granite-body-in-a-small-file', 'lemur-marble-body-in-a-large-file', 'otter-slate-second-version'];

/** Whoever finds the stick: names and bodies, in files or in names of files. */
describe('what a folder remote shows', () => {
  let parent: string;
  let folder: string;
  const secret = random.bytes(16);

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'satchel-stick-'));
    folder = join(parent, 'stick');
    await mkdir(folder);
    await createFolder(folder, random);
    const clock = createTestClock();
    const open = () => openFolderRemote(folder, { clock, random, pollEvery: 20 });
    const machine = async (name: string): Promise<ReplicaDeps> => {
      const wrapping = createAgeKeyWrapping();
      const store = await createSqliteStore({ path: ':memory:' });
      const made = await createTestMachine({ name, seed: 'stick', store, objects: createObjectStoreDouble(), clock });
      return { ...made, random, compression: createZstd(), wrapping, machine: { ...made.machine, ...(await wrapping.generate()) } };
    };
    const [depsA, depsB] = [await machine(NAMES[1] as string), await machine(NAMES[2] as string)];
    const [remoteA, remoteB] = [await open(), await open()];
    const replica = await foundSpace(depsA, remoteA);
    const a = new Home(replica);
    const keys = invitationKeys(secret);
    const head = await replica.head();
    if (head === null) throw new Error('no log');
    const { key, recipient, name } = depsB.machine;
    const expires = clock.now() + 60_000;
    const offer = sealOffer(
      {
        space: replica.space,
        inviter: depsA.machine.key.machine,
        head,
        expires,
        inviterName: depsA.machine.name,
        hubKey: null,
        tlsPin: null,
      },
      keys,
      random,
    );
    await remoteA.mailboxes.post(keys.mailbox, 'offer', offer, expires);
    await remoteB.mailboxes.post(keys.mailbox, 'request-1', sealRequest({ recipient, name }, key, offer, keys, random), expires);
    await addMember(replica, remoteA, { machine: key.machine, recipient, role: 'writer', account: null, name });
    await a.write(`${NAMES[0]}.md`, `${BODIES[0]}\n`);
    await a.write(`${NAMES[0]}-large.md`, Array.from({ length: 9_000 }, (_, i) => `${BODIES[1]} ${(i * 7919) % 10007}`).join('\n'));
    await a.sync(remoteA);
    const b = new Home(await followSpace(depsB, replica.space, remoteB));
    await b.sync(remoteB);
    await b.write(`${NAMES[0]}.md`, `${BODIES[2]}\n`);
    await b.sync(remoteB);
    await a.sync(remoteA);
    expect(a.files).toEqual(b.files);
    expect(await writeCheckpoint(replica, remoteA)).toBe(true);
    await Promise.all([remoteA.close(), remoteB.close()]);
  }, 60_000);
  afterAll(() => rm(parent, { recursive: true, force: true }));

  it('holds nothing planted in any file', async () => {
    const files = await filesBelow(folder);
    expect([...files.keys()].map((file) => file.split('.').at(-1))).toEqual(
      expect.arrayContaining(['seg', 'pack', 'ckpt', '000000', 'json']),
    );
    const words = secretToWords(secret);
    expect(await search(files, [...NAMES, ...BODIES, words, Buffer.from(secret).toString('hex')])).toEqual([]);
    for (const bytes of files.values()) expect(bytes.includes(Buffer.from(secret))).toBe(false);
  });

  it('holds nothing planted in any name', async () => {
    const names = (await readdir(folder, { recursive: true })).join('\n');
    expect(names.length).toBeGreaterThan(500);
    expect(await search(new Map([['names', Buffer.from(names)]]), [...NAMES, ...BODIES])).toEqual([]);
  });
});
