import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controlWriter, createSpaceWriter, genesisOf, sealedObject, segment } from '../../../tests/contracts/space-writer.ts';
import { createTestClock } from '../../../tests/contracts/test-clock.ts';
import { createSigningKey } from '../../core/crypto/signing.ts';
import { EMPTY_HEAD, headAfter } from '../../core/log/record.ts';
import type { Remote } from '../../core/ports/remote.ts';
import { createFolder, openFolderRemote } from './open.ts';

const random = { bytes: (length: number): Uint8Array => randomBytes(length) };

describe('objects deleted from a folder', () => {
  let path: string;
  let remote: Remote;
  const open = () => openFolderRemote(path, { clock: createTestClock(), random });
  const filesBelow = async (folder: string): Promise<string[]> =>
    (await readdir(folder, { recursive: true, withFileTypes: true })).filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name));
  const passAnHour = async (): Promise<void> => {
    for (const file of await filesBelow(path)) {
      if (file.endsWith('.del')) await utimes(file, new Date(Date.now() - 7_200_000), new Date(Date.now() - 7_200_000));
    }
  };
  const onDisk = async (bytes: Uint8Array): Promise<boolean> => {
    for (const file of await filesBelow(path)) if ((await readFile(file)).includes(Buffer.from(bytes))) return true;
    return false;
  };

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'satchel-folder-'));
    await createFolder(path, random);
    remote = await open();
  });
  afterEach(() => rm(path, { recursive: true }));

  it('leave the disk an hour later, and their neighbours in the pack stay', async () => {
    const key = createSigningKey(randomBytes(32));
    const writer = createSpaceWriter({ key, genesisBody: () => genesisOf(key.machine) });
    const owner = controlWriter(writer.space, writer.genesis.hash, key);
    const [gone, kept, back] = [sealedObject(300_000), sealedObject(300), sealedObject(400)];
    const first = writer.record(headAfter(writer.genesis), { objects: [gone.id, kept.id, back.id] });
    const prune = owner.control(headAfter(first), { op: 'prune', objects: [gone.id, back.id] });
    await remote.append(writer.space, EMPTY_HEAD, segment([writer.genesis, first, prune], [gone, kept, back]));
    const pack = (await filesBelow(path)).find((file) => file.endsWith('.pack')) as string;
    const before = await stat(pack);

    await remote.deleteObjects(writer.space, [gone.id, back.id]);
    expect(await remote.hasObjects(writer.space, [gone.id, kept.id, back.id])).toEqual(new Set([kept.id]));
    expect(await onDisk(gone.bytes)).toBe(true);
    // A record that slipped in between, as one whose writer looked before the deletion.
    await remote.append(writer.space, headAfter(prune), {
      ...segment([writer.record(headAfter(prune), { objects: [back.id] })]),
      gone: [back.id],
    });

    await passAnHour();
    await remote.deleteObjects(writer.space, [gone.id]);
    expect(await onDisk(gone.bytes)).toBe(false);
    expect((await stat(pack)).size).toBe(before.size);
    expect((await stat(pack)).blocks).toBeLessThan(before.blocks);
    for (const each of [remote, await open()]) {
      expect((await each.getObjects(writer.space, [gone.id, kept.id, back.id])).size).toBe(2);
      expect(await each.hasObjects(writer.space, [gone.id, kept.id, back.id])).toEqual(new Set([kept.id, back.id]));
    }
    await remote.putObjects(writer.space, [gone]);
    expect((await (await open()).getObjects(writer.space, [gone.id])).get(gone.id)).toEqual(gone.bytes);
  });
});
