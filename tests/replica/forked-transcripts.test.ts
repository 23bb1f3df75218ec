import { expect, it } from 'vitest';
import type { Item } from '../../src/core/item.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace } from './small-space.ts';

const SESSION: Item = { kind: 'transcript', name: 'projects/p/1b4e28ba-2fa1-41d2-883f-0016d3cca427.jsonl' };

it('a transcript that went on in two places is two, however often ours was captured before theirs was seen', async () => {
  const space = await createSmallSpace('forked');
  const [a, b] = [space.owner, await space.machine('b')];
  await space.invite(b);
  await a.write(SESSION, 'one\n');
  await syncWith(a.replica, space.hub);
  await syncWith(b.replica, space.hub);
  await b.apply();
  await a.append(SESSION, 'on a\n');
  await b.append(SESSION, 'on b\n');
  for (const machine of [a, b]) await syncWith(machine.replica, space.hub);
  // Not applied in between: the writer goes on behind what it was shown.
  await b.append(SESSION, 'more on b\n');
  await a.append(SESSION, 'more on a\n');
  for (const machine of [a, b, a]) await syncWith(machine.replica, space.hub);
  await b.append(SESSION, 'and more\n');
  for (const machine of [b, a]) await syncWith(machine.replica, space.hub);
  for (const machine of [a, b]) {
    const all = await machine.replica.list({ kind: 'transcript' });
    const bodies = await Promise.all(all.map(({ item }) => machine.read(item)));
    expect(bodies.map(String).sort()).toEqual(['one\non a\nmore on a\n', 'one\non b\nmore on b\nand more\n']);
    expect(await machine.replica.siblings()).toEqual([]);
  }
});
