import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

it('a sync while a space is opened anew waits for it, and captures: it does not find that there is none', async () => {
  const node = await place.start('ana');
  await ask(node, 'sync', {});
  const [open] = [...node.spaces.values()];
  if (open === undefined) throw new Error('no space');
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => (goOn = resolve));
  const stop = open.runner.stop.bind(open.runner);
  open.runner.stop = () => held.then(stop);
  const reopened = node.updateSpace({ ...open.entry });
  while (node.spaces.size > 0) await sleep(1);
  const asked = ask(node, 'sync', {});
  await Promise.race([asked, sleep(500)]);
  goOn();
  expect((await asked).spaces.map(({ name }) => name)).toEqual(['personal']);
  await reopened;
});
