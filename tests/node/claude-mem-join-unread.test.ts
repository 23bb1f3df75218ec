import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { ask, Place } from './place.ts';

let place: Place;
afterEach(() => place.dispose());

it('join says of which database nothing was carried, and why', async () => {
  place = await Place.create();
  const ana = await place.start('ana');
  const bea = await place.start('bea', { live: false });
  const file = path.join(place.home('bea'), '.claude-mem', 'claude-mem.db');
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, 'no database at all\n'.repeat(200));
  const joined = await ask(bea, 'join', { link: (await ask(ana, 'invite', {})).link, name: 'bea' });
  expect(joined.not_carried).toEqual([{ path: file, problem: expect.stringContaining('not a database') as string }]);
  const cem = await place.start('cem', { live: false });
  expect((await ask(cem, 'join', { link: (await ask(ana, 'invite', {})).link, name: 'cem' })).not_carried).toEqual([]);
});
