import { afterEach, beforeEach, expect, it } from 'vitest';
import { ask, Place } from '../node/place.ts';
import { freePort } from '../setup/free-port.ts';
import { FIRST_WITH_SYNC, NEWEST, RealWorker } from './real-worker.ts';

/** Real workers of two releases whose databases nodes capture and write beside them; their own sync is off. */
let place: Place;
let workers: RealWorker[];

beforeEach(async () => {
  place = await Place.create();
  workers = [];
});
afterEach(async () => {
  for (const worker of workers) await worker.stop('SIGKILL');
  await place.dispose();
});

const patience = { timeout: 90_000, interval: 250 };

async function expectEqual(
  a: RealWorker,
  b: RealWorker,
  counts: { observations: number; summaries: number; prompts: number },
): Promise<void> {
  const countsOf = (worker: RealWorker) => {
    const { observations, summaries, prompts } = worker.memories();
    return { observations: observations.length, summaries: summaries.length, prompts: prompts.length };
  };
  await expect.poll(() => [countsOf(a), countsOf(b)], patience).toEqual([counts, counts]);
  const all = (worker: RealWorker): string => JSON.stringify([worker.memories(), worker.titles()], null, 1);
  // Of one moment: both may still be moving.
  await expect.poll(() => (all(a) === all(b) ? null : [all(a), all(b)]), patience).toBeNull();
  for (const each of [a, b]) expect(each.check()).toEqual([]);
}

it('save, edit, delete, and go on offline, and end up equal through the source', async () => {
  const port = await freePort();
  const first = await place.start('a', { port });
  const joining = await place.start('b', { live: false });
  await ask(joining, 'join', { link: (await ask(first, 'invite', {})).link, name: 'bee', trust_own: true });
  await place.stop('b');
  workers = [new RealWorker(place.home('a'), NEWEST), new RealWorker(place.home('b'), FIRST_WITH_SYNC)];
  const [a, b] = workers as [RealWorker, RealWorker];
  await Promise.all([a.start(), b.start()]);
  await place.start('b');

  const gone = await a.save('to be deleted');
  await Promise.all([a.save('from a'), b.save('from b'), a.session('one'), b.session('two')]);
  await expectEqual(a, b, { observations: 3, summaries: 2, prompts: 2 });
  await a.delete(gone);
  b.edit("UPDATE observations SET subtitle = 'edited on b' WHERE title = 'from a'");
  await b.prompt('one', 'again', 'A title of b');
  await expectEqual(a, b, { observations: 2, summaries: 2, prompts: 3 });
  expect(a.memories().observations.join()).toContain('edited on b');
  expect(a.titles()).toEqual(['c-one|A title of b']);

  // The node that orders is away; both go on, one is killed, and the other's node starts anew.
  await place.stop('a');
  await a.save('while it was away');
  await b.save('there as well');
  a.edit("UPDATE observations SET subtitle = 'edited on a' WHERE title = 'from b'");
  b.edit("UPDATE observations SET narrative = 'told on b' WHERE title = 'from b'");
  await b.stop('SIGKILL');
  await place.stop('b');
  await place.start('b');
  await b.start();
  await place.start('a', { port });
  await a.stop();
  await a.start();
  for (let round = 0; round < 10; round += 1) await Promise.all([a.save(`a ${round}`), b.save(`b ${round}`)]);
  await expectEqual(a, b, { observations: 24, summaries: 2, prompts: 3 });
  expect(a.memories().observations.join()).toContain('from b|edited on a|told on b');

  // Each deletes what the other made, at once, while both go on.
  await Promise.all([a.delete(a.idOf('b 3')), b.delete(b.idOf('a 4')), a.save('more of a'), b.save('more of b')]);
  await expectEqual(a, b, { observations: 24, summaries: 2, prompts: 3 });
  await Promise.all([place.stop('b'), b.stop('SIGKILL')]);
  await Promise.all([place.start('b'), b.start()]);
  await b.save('the last one');
  await expectEqual(a, b, { observations: 25, summaries: 2, prompts: 3 });
  expect(a.memories().observations.filter((each) => /^(a 4|b 3)\|/.test(each))).toEqual([]);
});
