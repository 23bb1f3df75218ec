import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Store } from '../../src/core/ports/store.ts';
import { createClients, type Clients } from '../../src/gateways/claude-mem/clients.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createTestClock } from '../contracts/test-clock.ts';
import { random } from './native-place.ts';

/** Two hubs on one database: neither counts the writes of the other. */
let store: Store;
let hubs: readonly [Clients, Clients];

beforeEach(async () => {
  store = await createSqliteStore({ path: ':memory:' });
  const { writes: _notCounted, ...shared } = store;
  const make = (): Clients => createClients({ store: shared, clock: createTestClock(), random, deviceLimit: 2 });
  hubs = [make(), make()];
});
afterEach(() => store.close());

it('takes a token back on every hub at once', async () => {
  const [here, there] = hubs;
  const { id, token } = await here.addToken('ada', 'laptop');
  expect([await here.isAllowed('ada', token), await there.isAllowed('ada', token)]).toEqual([true, true]);
  const later = await there.addToken('ada', 'desktop');
  expect(await here.isAllowed('ada', later.token)).toBe(true);
  expect(await there.removeToken(id)).toBe(true);
  expect([await here.isAllowed('ada', token), await there.isAllowed('ada', token)]).toEqual([false, false]);
  expect((await here.tokens()).map(({ name }) => name)).toEqual(['desktop']);
});

it('knows on every hub which devices there are, and whose pushes are refused', async () => {
  const [here, there] = hubs;
  expect([await here.admit('ada', 'one', null), await there.admit('ada', 'two', 'old')]).toEqual([true, true]);
  expect(await here.admit('ada', 'two', 'new')).toBe(true);
  expect((await there.devices('ada')).map(({ id, name }) => [id, name])).toEqual([
    ['one', null],
    ['two', 'new'],
  ]);
  expect(await here.admit('ada', 'three', null)).toBe(false);
  await here.pushed('ada', 'one', 'a stale revision');
  expect((await there.refusals('ada')).get('one')?.reason).toBe('a stale revision');
  await there.pushed('ada', 'one', null);
  expect((await here.refusals('ada')).size).toBe(0);
  expect(await there.removeDevice('ada', 'one')).toBe(true);
  expect(await here.admit('ada', 'three', null)).toBe(true);
});
