import { randomBytes } from 'node:crypto';
import { afterAll, expect, it } from 'vitest';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { EMPTY_HEAD, headAfter } from '../../src/core/log/record.ts';
import { folderBytes } from '../bench/folder-size.ts';
import { createGitPlaces, git } from './git-place.ts';
import { controlWriter, createSpaceWriter, genesisOf, sealedObject, segment } from './space-writer.ts';

const places = await createGitPlaces();
afterAll(() => places.dispose());

it('lets the host collect what an owner had deleted, and readers of the old state go on with few bytes', async () => {
  const path = await places.repository();
  const inRepository = (...args: string[]): string => git(places.home, '-C', path, ...args).trim();
  const open = places.machines(`git+file://${path}`);
  const [ana, bea] = [await open(), await open()];
  const key = createSigningKey(randomBytes(32));
  const writer = createSpaceWriter({ key, genesisBody: () => genesisOf(key.machine) });
  const owner = controlWriter(writer.space, writer.genesis.hash, key);
  const objects = Array.from({ length: 200 }, () => sealedObject(20_000));
  const gone = objects.slice(0, 50).map(({ id }) => id);
  const first = writer.record(headAfter(writer.genesis), { objects: objects.map(({ id }) => id) });
  await ana.append(writer.space, EMPTY_HEAD, segment([writer.genesis, first], objects));
  expect((await bea.getObjects(writer.space, gone)).size).toBe(50);
  const prune = owner.control(headAfter(first), { op: 'prune', objects: gone });
  await ana.append(writer.space, headAfter(first), segment([prune]));
  const branch = `refs/heads/satchel/space/${writer.space}`;
  const pruned = inRepository('rev-parse', branch);

  const before = await folderBytes(places.folder);
  await ana.deleteObjects(writer.space, gone);
  expect(inRepository('rev-list', '--count', branch)).toBe('1');
  const files = inRepository('ls-tree', '-r', '--name-only', branch).split('\n');
  expect(files.filter((name) => name.startsWith('objects/'))).toHaveLength(150);

  // All of its tree is 3 MB; what is new in it is some directories.
  const next = writer.record(headAfter(prune));
  expect((await bea.append(writer.space, headAfter(prune), segment([next]))).type).toBe('appended');
  const head = headAfter(next);
  expect((await folderBytes(places.folder)) - before).toBeLessThan(1_000_000);
  expect(
    (
      await bea.hasObjects(
        writer.space,
        objects.map(({ id }) => id),
      )
    ).size,
  ).toBe(150);
  expect(
    (
      await bea.getObjects(
        writer.space,
        objects.slice(50).map(({ id }) => id),
      )
    ).size,
  ).toBe(150);

  // The host collects: the old state is nowhere.
  inRepository('reflog', 'expire', '--expire=now', '--all');
  inRepository('gc', '--quiet', '--prune=now');
  expect(() => inRepository('cat-file', '-e', pruned)).toThrow(/Command failed/);
  expect(await ana.head(writer.space)).toEqual(head);
  expect(
    (
      await ana.getObjects(
        writer.space,
        objects.map(({ id }) => id),
      )
    ).size,
  ).toBe(150);
  const late = await open();
  expect((await late.read(writer.space, 0, { records: 10, bytes: 1024 * 1024 })).records).toHaveLength(4);
  for (const each of [ana, bea, late]) await each.close();
});
