import { cp, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

/** Two machines, each of which saw another record at the same place of the log, and the folder as each of them left it. */
async function partedMachines() {
  const [one, two, ofA, ofB, before] = ['one', 'two', 'of-a', 'of-b', 'before'].map((name) => path.join(place.root, name)) as [
    string,
    string,
    string,
    string,
    string,
  ];
  for (const stick of [one, two]) await mkdir(stick, { recursive: true });
  let a = await place.start('a');
  await ask(a, 'remote-add', { remote: one });
  await ask(a, 'remote-add', { remote: two });
  await ask(a, 'space-move', { space: 'personal', remote: one });
  const b = await place.start('b', { live: false });
  await ask(b, 'join', { link: (await ask(a, 'invite', {})).link, name: 'b' });
  await place.stop('a');
  a = await place.start('a', { live: false });
  for (const node of [a, b, a]) await ask(node, 'sync', {});
  await cp(one, before, { recursive: true });
  const becomes = async (state: string): Promise<void> => {
    await rm(one, { recursive: true });
    await cp(state, one, { recursive: true });
  };
  await place.write('b', 'of b\n', 'rules/b.md');
  await ask(b, 'sync', {});
  await cp(one, ofB, { recursive: true });
  await becomes(before);
  await place.write('a', 'of a\n', 'rules/a.md');
  await ask(a, 'sync', {});
  await cp(one, ofA, { recursive: true });
  return { a, b, one, two, ofB, becomes };
}

const remoteCheck = async (node: Parameters<typeof ask>[0]) =>
  (await ask(node, 'doctor', {})).checks.find(({ id }) => id === 'space.remote:personal');

it('doctor fails of a home that shows another history, and says what lands all of it, which then does', async () => {
  const { a, b, one } = await partedMachines();
  const way = `satchel spaces move personal folder:${one} --lost`;
  // Seen by looking, before any sync failed of it.
  expect(await remoteCheck(b)).toMatchObject({
    result: 'fail',
    reason: expect.stringContaining('another history'),
    next_step: expect.stringContaining(way),
  });
  await ask(b, 'sync', {}).catch(() => undefined);
  expect((await ask(b, 'status', {})).spaces[0]).toMatchObject({ problem_type: 'forked' });
  expect(await remoteCheck(b)).toMatchObject({
    result: 'fail',
    reason: expect.stringContaining('another history'),
    next_step: expect.stringContaining(way),
  });
  expect(await remoteCheck(a)).toMatchObject({ result: 'ok' });

  await ask(a, 'space-move', { space: 'personal', remote: one, lost: true });
  for (const node of [b, a, b]) await ask(node, 'sync', {});
  for (const at of ['a', 'b']) for (const of of ['a', 'b']) expect(await place.read(at, `rules/${of}.md`)).toBe(`of ${of}\n`);
  expect(await remoteCheck(b)).toMatchObject({ result: 'ok' });
});

it('a place that holds another history is refused with what to do', async () => {
  const { a, one, two, ofB, becomes } = await partedMachines();
  await ask(a, 'space-move', { space: 'personal', remote: two });
  await becomes(ofB);
  for (const lost of [false, true])
    await expect(ask(a, 'space-move', { space: 'personal', remote: one, lost })).rejects.toMatchObject({
      kind: 'refused',
      next: expect.stringMatching(/another place/),
    });
  expect((await ask(a, 'status', {})).spaces[0]).toMatchObject({ remote: `folder:${two}`, problem: null });
});
