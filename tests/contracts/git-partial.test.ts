import { afterAll, describe, expect, it } from 'vitest';
import type { SealedObject } from '../../src/core/crypto/object-cipher.ts';
import { EMPTY_HEAD, headAfter } from '../../src/core/log/record.ts';
import { createGitPlaces, git, gitEnvironment } from './git-place.ts';
import { createSpaceWriter, sealedObject, segment } from './space-writer.ts';

/** Bodies from this size on are not kept by who sent them (src/remotes/git/cached-branch.ts). */
const DROPPED = 40_000;

const places = await createGitPlaces();
afterAll(() => places.dispose());

/** One that lies in the same directory of the tree, so that the directory is sent anew, and names both. */
function besides({ id }: SealedObject): SealedObject {
  for (;;) {
    const object = sealedObject(100);
    if (object.id.startsWith(id.slice(0, 3))) return object;
  }
}

describe('a cache that does not hold what its machine sent', () => {
  // git unpacks few objects, and indexes a pack of a hundred or more: it misses what is not there in other words.
  it.each([
    ['that leaves files out', 1, {}],
    ['that leaves files out', 150, {}],
    ['that cannot leave files out', 1, { 'uploadpack.allowFilter': 'false' }],
    ['of git’s first protocol', 150, { 'uploadpack.allowFilter': 'false', 'protocol.version': '0' }],
  ])('follows a directory that names it, at a host %s, in a fetch with %i other objects', async (_, count, settings) => {
    const path = await places.repository();
    for (const [name, value] of Object.entries(settings)) git(places.home, '-C', path, 'config', name, value);
    const environment = gitEnvironment(places.home, {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'protocol.version',
      GIT_CONFIG_VALUE_0: 'protocol.version' in settings ? '0' : '2',
    });
    const open = places.machines(`git+file://${path}`, { environment });
    const [ana, bea] = [await open(), await open()];
    const writer = createSpaceWriter();
    const large = sealedObject(DROPPED);
    const first = writer.record(headAfter(writer.genesis), { objects: [large.id] });
    await ana.append(writer.space, EMPTY_HEAD, segment([writer.genesis, first], [large]));
    const more = [besides(large), ...Array.from({ length: count }, () => sealedObject(100))];
    const next = writer.record(headAfter(first), { objects: more.map(({ id }) => id) });
    expect((await bea.append(writer.space, headAfter(first), segment([next], more))).type).toBe('appended');

    expect(await ana.head(writer.space)).toEqual(headAfter(next));
    const ids = [large, ...more].map(({ id }) => id);
    expect((await ana.getObjects(writer.space, ids)).size).toBe(ids.length);
    const last = writer.record(headAfter(next));
    expect((await ana.append(writer.space, headAfter(next), segment([last]))).type).toBe('appended');
    for (const each of [ana, bea]) await each.close();
  });
});
