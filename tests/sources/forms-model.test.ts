import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonKind } from '../../src/kinds/json/json.ts';
import { createFormsHome, type FormsHome } from './forms-home.ts';
import { createSpaceDouble } from './workspace-double.ts';
import { extent } from '../setup/extent.ts';

class Crash extends Error {}

type Step =
  | { readonly type: 'set'; readonly on: number; readonly path: readonly string[]; readonly secret: boolean }
  | { readonly type: 'unset'; readonly on: number; readonly path: readonly string[] }
  | { readonly type: 'entry'; readonly on: number; readonly list: string; readonly entry: string; readonly there: boolean }
  | { readonly type: 'remove'; readonly on: number }
  | { readonly type: 'admit'; readonly on: number; readonly parts: readonly string[] }
  | { readonly type: 'live'; readonly on: number }
  | { readonly type: 'die'; readonly on: number; readonly at: number };

const on = fc.nat(1);
const place = fc.constantFrom(['model'], ['env', 'EDITOR'], ['hooks'], ['statusLine', 'command'], ['permissions', 'defaultMode']);
const secretPlace = fc.constantFrom(['env', 'API_KEY'], ['env', 'DB_PASSWORD']);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('set' as const), on, path: place, secret: fc.constant(false) }),
  fc.record({ type: fc.constant('set' as const), on, path: secretPlace, secret: fc.constant(true) }),
  fc.record({ type: fc.constant('unset' as const), on, path: fc.oneof(place, secretPlace, fc.constantFrom(['env'], ['permissions'])) }),
  fc.record({
    type: fc.constant('entry' as const),
    on,
    list: fc.constantFrom('allow', 'deny'),
    entry: fc.constantFrom('a', 'b', 'c'),
    there: fc.boolean(),
  }),
  fc.record({ type: fc.constant('remove' as const), on }),
  fc.record({ type: fc.constant('admit' as const), on, parts: fc.subarray(['/hooks', '/env', '/statusLine', '/permissions']) }),
  { weight: 3, arbitrary: fc.record({ type: fc.constant('live' as const), on }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('die' as const), on, at: fc.integer({ min: 1, max: 25 }) }) },
);

const FILE = 'settings.json';
type Value = { [key: string]: unknown };
const copy = (home: FormsHome): Value => (home.value(FILE) ?? {}) as Value;

function withValue(value: Value, [key = '', ...rest]: readonly string[], leaf: unknown): Value {
  if (rest.length > 0) return { ...value, [key]: withValue((value[key] ?? {}) as Value, rest, leaf) };
  const { [key]: _before, ...others } = value;
  return leaf === undefined ? others : { ...others, [key]: leaf };
}

function withEntry(value: Value, { list, entry, there }: Step & { type: 'entry' }): Value {
  const permissions = (value['permissions'] ?? {}) as Value;
  const entries = ((permissions[list] ?? []) as string[]).filter((each) => each !== entry);
  return { ...value, permissions: { ...permissions, [list]: there ? [...entries, entry] : entries } };
}

async function dieing(home: FormsHome, at: number): Promise<void> {
  let left = at;
  const tick = (): void => {
    left -= 1;
    if (left <= 0) throw new Crash();
  };
  home.options = { onMutation: tick };
  home.inner.crash = tick;
  home.crash = tick;
  await home.live().catch((error: unknown) => {
    if (!(error instanceof Crash)) throw error;
  });
  home.options = {};
  home.inner.crash = null;
  home.crash = null;
  home.restart();
}

/** Without what is empty, what stays local, and the order of entries. */
function essence(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(String).toSorted((a, b) => (a < b ? -1 : 1));
  if (typeof value !== 'object' || value === null) return typeof value === 'string' && value.includes('secret') ? undefined : value;
  const members = Object.entries(value).flatMap(([key, member]) => {
    const kept = essence(member);
    return kept === undefined ? [] : [[key, kept] as const];
  });
  return members.length === 0 ? undefined : Object.fromEntries(members.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

describe('two machines that edit, die, ask and answer in any order', () => {
  it('lose no edit, let no secret out, and end with the same settings', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        const space = createSpaceDouble([jsonKind]);
        const homes = [createFormsHome(space, 'ana'), createFormsHome(space, 'bea')];
        const written: string[] = [];
        for (const [index, each] of steps.entries()) {
          const home = homes[each.on] as FormsHome;
          if (each.type === 'live') await home.live();
          else if (each.type === 'die') await dieing(home, each.at);
          else if (each.type === 'remove') home.disk.remove(FILE);
          else if (each.type === 'admit') home.admit = ({ pointer }) => each.parts.some((part) => pointer.startsWith(part));
          else if (each.type === 'entry') home.write(FILE, withEntry(copy(home), each));
          else {
            const secret = each.type === 'set' && each.secret;
            const word = secret ? 'secret' : 'value';
            const leaf = each.type === 'unset' ? undefined : `${word} ${index} /home/${['ana', 'bea'][each.on]}/x`;
            home.write(FILE, withValue(copy(home), each.path, leaf));
            await home.source.scan();
            if (leaf !== undefined && !secret) written.push(`value ${index} `);
          }
        }
        for (const home of homes) {
          home.admit = () => true;
          if (home.text(FILE) === null) home.write(FILE, {});
        }
        for (let round = 0; round < 3; round += 1) for (const home of homes) await home.live();

        const everything = [...space.bodies.values()].map((body) => Buffer.from(body).toString()).join('\n');
        for (const text of written) expect(everything).toContain(text);
        expect(everything).not.toMatch(/secret \d+ \/home/);
        const [ana, bea] = homes.map((home) => home.text(FILE) ?? '{}') as [string, string];
        expect(ana + bea).not.toContain('{{satchel:');
        expect(essence(JSON.parse(bea.replaceAll('/home/bea/', '/home/ana/')))).toEqual(essence(JSON.parse(ana)));
        for (const home of homes) expect(await home.source.scan()).toMatchObject({ changes: 0, skipped: [] });
      }),
      { numRuns: extent(100, 300) },
    );
  });
});
