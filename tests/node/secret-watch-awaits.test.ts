import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { pull } from '../../src/core/replica/pull.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSecretWatch } from '../../src/node/secrets/secret-watch.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { createSmallSpace } from '../replica/small-space.ts';

const FILE = { kind: 'text', name: 'CLAUDE.md' };
const NEVER = { kind: 'text', name: 'never.md' };
const TOKEN = 'ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8';
/** The rest after each look, ms. */
const REST = 30_000;

it('looks again for a body that comes only after its record did, and not for ever for one that never does', async () => {
  const space = await createSmallSpace('secret-watch');
  const other = await space.machine('other');
  await space.invite(other);
  await space.owner.write(FILE, `use ${TOKEN}\n`);
  await space.owner.write(NEVER, `let ${TOKEN}\n`);
  await syncWith(space.owner.replica, space.hub);
  await pull(other.replica, space.hub);

  const found: string[][] = [];
  const sleep = async (ms: number): Promise<void> => {
    await turn();
    if (ms !== REST) return;
    found.push((await watch.list()).map(({ item }) => item.name));
    if (found.length === 2) await other.read(FILE); // brings it here, as an apply does
  };
  const watch = createSecretWatch(other.replica, { ...createTestClock(), sleep });
  const stop = new AbortController();
  const running = watch.run(stop.signal);
  await vi.waitFor(() => expect(found).toHaveLength(5));
  await delay(50);
  expect(found).toEqual([[], [], ['CLAUDE.md'], ['CLAUDE.md'], ['CLAUDE.md']]);
  stop.abort();
  await running;
});
