import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from './place.ts';

describe('what waits for another machine', () => {
  let place: Place;
  let [stick, kept] = ['', ''];
  let a: SatchelNode;
  let b: SatchelNode;
  beforeEach(async () => {
    place = await Place.create();
    [stick, kept] = [path.join(place.root, 'stick'), path.join(place.root, 'backup of the stick')];
    await place.write('a', 'shared\n');
    const live = await place.start('a');
    await mkdir(stick, { recursive: true });
    await ask(live, 'remote-add', { remote: stick });
    await ask(live, 'space-move', { space: 'personal', remote: stick });
    b = await place.start('b', { live: false });
    await ask(b, 'join', { link: (await ask(live, 'invite', {})).link, name: 'bea' });
    await place.stop('a');
    a = await place.start('a', { live: false });
    await cp(stick, kept, { recursive: true });
  });
  afterEach(() => place.dispose());

  async function check(node: SatchelNode, id: string) {
    return (await ask(node, 'doctor', {})).checks.find((one) => one.id === id);
  }

  it('is named in status and doctor where its content is not at the remote', async () => {
    await place.write('b', 'nobody else has this\n', 'rules/b.md');
    await ask(b, 'sync', {});
    const packs = (await readdir(stick, { recursive: true })).filter((name) => name.endsWith('.pack')).toSorted();
    await rm(path.join(stick, packs.at(-1) ?? ''));
    await ask(a, 'sync', {});
    const [waiting] = (await ask(a, 'status', {})).spaces[0]?.sources[0]?.waiting ?? [];
    expect(waiting).toMatchObject({ item: 'rules/b.md', reason: expect.stringContaining('a machine that has it brings it again') });
    expect((await ask(a, 'status', {})).spaces[0]?.sources[0]).toMatchObject({ lacking: 1 });
    expect(await check(a, 'space.bodies:personal')).toMatchObject({
      result: 'fail',
      evidence: [expect.stringContaining('rules/b.md: ')],
    });
    expect(await ask(b, 'verify', { depth: 'data' })).toMatchObject({ sound: true, spaces: [{ brought: expect.any(Number) }] });
    expect((await ask(a, 'sync', {})).spaces).toMatchObject([{ lacking: 0 }]);
    expect(await place.read('a', 'rules/b.md')).toBe('nobody else has this\n');
  });

  it('is told of a home that was restored, until it is there again; a recovery key that fell is at once', async () => {
    await place.write('b', 'nobody else has this\n', 'rules/b.md');
    await ask(b, 'sync', {});
    await ask(b, 'recovery-prepare', { replace: true });
    // What is not put in place is not fetched.
    await rename(path.join(place.home('a'), '.claude'), path.join(place.home('a'), 'away'));
    await ask(a, 'sync', {});
    await rm(stick, { recursive: true });
    await cp(kept, stick, { recursive: true });
    await place.write('a', 'goes on\n', 'rules/a.md');
    expect(await ask(a, 'space-move', { space: 'personal', remote: stick, lost: true })).toMatchObject({
      fallen: { own: 0, others: [{ machine: 'bea', changes: 1, revoked: false }] },
    });

    const { fallen } = (await ask(a, 'status', {})).spaces[0] ?? {};
    expect(fallen).toEqual({ own: 0, others: [{ machine: 'bea', changes: 1, revoked: false }], recovery_key: false });
    expect(await check(a, 'space.fallen:personal')).toMatchObject({
      result: 'warn',
      evidence: ['1 change by bea fell with the former home; when bea syncs, they come again'],
    });
    await ask(b, 'sync', {});
    await ask(b, 'sync', {});
    await ask(a, 'sync', {});
    expect((await ask(a, 'status', {})).spaces[0]?.fallen).toEqual({ own: 0, others: [], recovery_key: false });
    expect(await check(a, 'space.fallen:personal')).toBeUndefined();
  });
});
