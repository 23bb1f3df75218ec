import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invitationKeys, openOffer, sealAnswer, sealOffer, sealRequest } from '../../src/core/joining/invitation.ts';
import { addMember } from '../../src/core/replica/administer.ts';
import type { ReplicaDeps } from '../../src/core/replica/deps.ts';
import { writeCheckpoint } from '../../src/core/replica/late-join.ts';
import { moveHome } from '../../src/core/replica/move-home.ts';
import { createAgeKeyWrapping } from '../../src/node/age-key-wrapping.ts';
import { createHubRemote } from '../../src/remotes/hub/hub-remote.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createFolderObjects } from '../../src/store/chunks/folder-objects.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createZstd } from '../../src/store/zstd.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestMachine, followSpace, foundSpace } from '../doubles/machine.ts';
import { random, startHub, type HubPlace } from '../gateways/native-place.ts';
import { Home } from '../replica/home.ts';
import { filesBelow, search } from './plaintext-search.ts';
import { recorded, startRecordingProxy, type RecordingProxy } from './recording.ts';

/** Unlike anything else, long enough that no ciphertext holds them by chance. */
const NAMES = ['zebra-quartz-filename-4711', 'ostrich-basalt-folder-0815'];
const BODIES = ['walrus-granite-body-in-a-small-file', 'lemur-marble-body-in-a-large-file', 'otter-slate-second-version'];
const OTHERS = ['heron-opal-machine-name', 'ibex-pumice-other-machine', 'newt-agate-commit-message', 'puffin-topaz-remote-address'];
const PLANTED = [...NAMES, ...BODIES, ...OTHERS];

describe('what a hub and its network see', () => {
  let folder: string;
  let hub: HubPlace;
  let proxy: RecordingProxy;
  const tape: Buffer[] = [];
  let a: Home;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'satchel-plaintext-'));
    const clock = createTestClock();
    const store = await createSqliteStore({ path: join(folder, 'hub', 'store.db') });
    const objects = createFolderObjects({ path: join(folder, 'hub', 'objects'), random });
    const behind = createLocalRemote({ store, objects, clock, address: 'local:' });
    const authority = {
      roleOf: async () => 'owner' as const,
      mayCreate: async () => true,
      removalOf: async () => null,
      hasRoom: async () => true,
    };
    hub = await startHub({ deps: { remote: behind, authority, health: async () => undefined } });
    proxy = await startRecordingProxy(hub.listener.port);

    const machine = async (name: string): Promise<ReplicaDeps> => {
      const wrapping = createAgeKeyWrapping();
      const made = await createTestMachine({
        name,
        seed: 'plaintext',
        store: await createSqliteStore({ path: join(folder, name, 'store.db') }),
        objects: createFolderObjects({ path: join(folder, name, 'objects'), random }),
        clock,
      });
      const machineKeys = { ...made.machine, ...(await wrapping.generate()) };
      return { ...made, random, compression: createZstd(), wrapping, machine: machineKeys };
    };
    const remoteFor = (deps: ReplicaDeps) =>
      recorded(
        createHubRemote({ url: `http://127.0.0.1:${proxy.port}`, key: hub.hubKey.machine, signing: deps.machine.key, clock, random }),
        tape,
      );

    const [depsA, depsB] = [await machine('heron-opal-machine-name'), await machine('ibex-pumice-other-machine')];
    const [remoteA, remoteB] = [remoteFor(depsA), remoteFor(depsB)];
    const replica = await foundSpace(depsA, remoteA);
    a = new Home(replica);
    // Joining, as both nodes do it.
    const keys = invitationKeys(random.bytes(16));
    const head = await replica.head();
    if (head === null) throw new Error('no log');
    const offer = sealOffer(
      {
        space: replica.space,
        inviter: depsA.machine.key.machine,
        head,
        expires: clock.now() + 60_000,
        inviterName: depsA.machine.name,
        hubKey: null,
        tlsPin: null,
      },
      keys,
      random,
    );
    await remoteA.mailboxes.post(keys.mailbox, 'offer', offer, clock.now() + 60_000);
    const seen = (await remoteB.mailboxes.read(keys.mailbox, 'offer')) as Uint8Array;
    expect(openOffer(seen, keys).ok).toBe(true);
    const request = sealRequest({ recipient: depsB.machine.recipient, name: depsB.machine.name }, depsB.machine.key, seen, keys, random);
    await remoteB.mailboxes.post(keys.mailbox, 'request-1', request, clock.now() + 60_000);
    const { key, recipient, name } = depsB.machine;
    await addMember(replica, remoteA, { machine: key.machine, recipient, role: 'writer', account: null, name });
    const answer = sealAnswer({ accepted: true, role: 'writer', head }, offer, request, keys, random);
    await remoteA.mailboxes.post(keys.mailbox, 'answer', answer, clock.now() + 60_000);

    const large = Array.from({ length: 20_000 }, (_, i) => `${i % 500 === 0 ? BODIES[1] : 'line'} ${(i * 7919) % 10007}`).join('\n');
    await a.write(`${NAMES[1]}/${NAMES[0]}.md`, `${BODIES[0]}\n`);
    await a.write(`${NAMES[0]}-large.md`, large);
    await a.workspace.capture(
      [
        {
          type: 'body',
          item: { kind: 'text', name: `${NAMES[0]}-3.md` },
          attributes: {},
          body: Buffer.from(`${BODIES[2]}\n`),
          local: null,
        },
      ],
      { message: 'newt-agate-commit-message', writer: 'test', session: 'newt-agate-commit-message' },
    );
    a.files.set(`${NAMES[0]}-3.md`, `${BODIES[2]}\n`);
    await a.sync(remoteA);
    const b = new Home(await followSpace(depsB, replica.space, remoteB));
    await b.sync(remoteB);
    expect(b.files).toEqual(a.files);
    // Both edit, and a conflict is kept.
    await a.write(`${NAMES[1]}/${NAMES[0]}.md`, `${BODIES[2]} by a\n`);
    await b.write(`${NAMES[1]}/${NAMES[0]}.md`, `${BODIES[2]} by b\n`);
    for (const [home, remote] of [
      [a, remoteA],
      [b, remoteB],
      [a, remoteA],
    ] as const)
      await home.sync(remote);
    expect(await a.replica.siblings()).toHaveLength(1);
    expect(await writeCheckpoint(replica, remoteA)).toBe(true);
    const elsewhere = createLocalRemote({
      store: await createSqliteStore({ path: ':memory:' }),
      objects: createObjectStoreDouble(),
      clock,
      address: 'test:elsewhere',
    });
    await moveHome(replica, remoteA, elsewhere, 'http://puffin-topaz-remote-address:4600');
    await Promise.all([remoteA.close(), remoteB.close()]);
  }, 60_000);

  afterAll(async () => {
    proxy.close();
    await hub.close();
    await rm(folder, { recursive: true });
  });

  it('holds nothing planted in any file of the hub', async () => {
    const files = await filesBelow(join(folder, 'hub'));
    const bytes = [...files.values()].reduce((sum, file) => sum + file.length, 0);
    expect(bytes).toBeGreaterThan(50_000);
    expect(await search(files, PLANTED)).toEqual([]);
  });

  it('holds nothing planted in what the machines handed to the remote and got from it', async () => {
    expect(tape.length).toBeGreaterThan(50);
    expect(await search(new Map([['the remote’s arguments and answers', Buffer.concat(tape)]]), PLANTED)).toEqual([]);
  });

  it('holds nothing planted in the bytes on the network', async () => {
    const traffic = new Map([
      ['sent', Buffer.concat(proxy.sent)],
      ['received', Buffer.concat(proxy.received)],
    ]);
    expect(traffic.get('sent')?.length).toBeGreaterThan(30_000);
    expect(traffic.get('sent')?.includes(a.replica.space)).toBe(true);
    expect(await search(traffic, PLANTED)).toEqual([]);
  });

  it('holds nothing planted in the hub’s log of events', async () => {
    expect(hub.logged.length).toBeGreaterThan(0);
    expect(await search(new Map([['log', Buffer.from(hub.logged.join('\n'))]]), PLANTED)).toEqual([]);
  });

  it('finds what is in a member’s own store (the control)', async () => {
    const found = await search(await filesBelow(join(folder, 'heron-opal-machine-name')), PLANTED);
    for (const name of NAMES) expect(found.some((line) => line.startsWith(`${name} as UTF-8`))).toBe(true);
  });

  it.each([
    ['UTF-8', (text: Buffer) => text],
    ['UTF-16', (text: Buffer) => Buffer.from(text.toString(), 'utf16le')],
    ['hex', (text: Buffer) => Buffer.from(text.toString('hex'))],
    ['base64', (text: Buffer) => Buffer.from(text.toString('base64'))],
    ['base64url', (text: Buffer) => Buffer.from(text.toString('base64url'))],
    ['gzip', (text: Buffer) => gzipSync(text)],
    ['zlib', (text: Buffer) => deflateSync(text)],
    ['zstd', async (text: Buffer) => Buffer.from(await createZstd().compress(text))],
  ])('finds a planted text as %s, wherever it stands (the control)', async (_form, encode) => {
    for (const before of ['', 'x', 'xy', 'xyz']) {
      const hidden = await encode(Buffer.from(`${before}${BODIES[0]} and more, and more, and more`));
      const place = Buffer.concat([Buffer.from('noise before '), hidden, Buffer.from(' noise behind')]);
      expect(await search(new Map([['here', place]]), PLANTED)).not.toEqual([]);
    }
  });
});
