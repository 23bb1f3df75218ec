import { describe, expect, it } from 'vitest';
import { isTemporary } from '../../src/core/ports/files.ts';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { createTreeHome, type TreeHome } from './tree-home.ts';
import { createSpaceDouble, type SpaceDouble } from './workspace-double.ts';

const SEEDS = 150;
const STEPS = 60;
const NAMES = ['a', 'b', 'd', 'd/x', 'd/y', 'd/e/z', 's.jsonl', 't/u.jsonl', 'D/x', 'A'];

class Crash extends Error {}

/**
 * Two users on two disks, edits in the middle of everything, crashes at any step. Held throughout: no file is
 * written over or removed by the source unless its bytes were captured. Held at the end: both disks show the same,
 * and neither has anything left to do.
 */
function run(seed: number): { readonly finish: () => Promise<void> } {
  const random = createSeededRandom(`tree-${seed}`);
  const space = createSpaceDouble();
  const folds = random.chance(0.3);
  const homes = ['one', 'two'].map((writer) => createTreeHome(space, { foldsCase: folds }, { deletions: 1_000 }, writer));
  let unique = 0;
  let calm = false;

  const users = new Map<TreeHome, () => void>();

  const edit = (home: TreeHome): void => {
    home.clock.advance(1 + random.below(3_000));
    const name = NAMES[random.below(NAMES.length)] as string;
    const entry = home.disk.get(name);
    const text = `${'x'.repeat(random.below(20))}${(unique += 1)}\n`;
    const inFile = name.split('/').some((_, index, all) => index > 0 && home.disk.get(all.slice(0, index).join('/'))?.type === 'file');
    if (inFile || entry?.type === 'folder') return;
    const dice = random.below(10);
    if (name.endsWith('.jsonl')) home.disk.append(name, Buffer.from(random.chance(0.3) ? text.slice(0, -1) : text));
    else if (dice < 6 || entry === undefined) home.write(name, text, random.chance(0.2) ? 0o755 : 0o644);
    else if (dice < 8) home.disk.remove(name);
    else home.disk.rename(name, `r${random.below(3)}`);
  };

  /** The source's hand on the disk is watched at the very moment; the user may do anything. */
  const guard = (home: TreeHome): void => {
    let editing = false;
    const user = (): void => {
      editing = true;
      edit(home);
      editing = false;
    };
    const { disk } = home;
    const plain = { ...disk };
    disk.rename = (from, to) => {
      if (!editing) expectCaptured(space, home, to);
      plain.rename(from, to);
    };
    disk.remove = (path) => {
      if (!editing) expectCaptured(space, home, path);
      plain.remove(path);
    };
    home.options = {
      onMutation() {
        if (!calm && random.chance(0.03)) user();
        if (!calm && random.chance(0.02)) throw new Crash();
      },
      onRead: () => !calm && random.chance(0.03) && user(),
    };
    users.set(home, user);
  };
  for (const home of homes) {
    // Without it a disk whose last file goes counts as unmounted.
    home.write('anchor', 'stays');
    guard(home);
  }

  const act = async (home: TreeHome): Promise<void> => {
    try {
      const dice = random.below(10);
      if (dice < 5) users.get(home)?.();
      else if (dice < 7) await home.source.scan();
      else if (dice < 8) await home.source.scan([NAMES[random.below(NAMES.length)] as string]);
      else await home.source.apply();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      home.restart();
    }
  };

  return {
    async finish() {
      for (let step = 0; step < STEPS; step += 1) await act(homes[random.below(2)] as TreeHome);
      calm = true;
      for (let round = 0; round < 8; round += 1) {
        for (const home of homes) {
          // Torn lines come to their end.
          for (const path of home.disk.paths().filter((name) => name.endsWith('.jsonl'))) {
            if (home.text(path)?.endsWith('\n') === false) home.disk.append(path, Buffer.from('\n'));
          }
          home.clock.advance(20 * 60_000);
          await home.source.scan();
          await home.source.apply();
        }
      }
      for (const home of homes) {
        const state = await home.source.scan();
        expect(state).toMatchObject({ changes: 0, changing: [], torn: [], state: { type: 'ok' } });
        const waiting = (await home.source.apply()).waiting.map(({ name }) => name);
        const outstanding = (await home.workspace.outstanding()).map(({ item }) => item.name);
        expect(outstanding.toSorted()).toEqual(waiting.toSorted());
        expect(home.disk.paths().filter((path) => path.includes('.satchel-tmp-'))).toEqual([]);
        for (const { item, content } of space.heads.values()) {
          const view = home.workspace.table.get(`${item.kind}\0${item.name}`);
          if (view?.notHere !== null || waiting.includes(item.name)) continue;
          expect(home.text(item.name)).toBe(Buffer.from(space.bodies.get(content.digest) ?? []).toString());
        }
      }
    },
  };
}

function expectCaptured(space: SpaceDouble, home: TreeHome, path: string): void {
  const standing = home.text(path);
  if (standing === null || isTemporary(path)) return;
  const bodies = [...space.bodies.values()].map((body) => Buffer.from(body).toString());
  if (!bodies.includes(standing)) throw new Error(`${path} holds ${JSON.stringify(standing)}, which was never captured`);
}

describe('two homes under random edits, crashes and changes mid-way', () => {
  it(`keep every byte and come to rest equal (${SEEDS} seeds)`, async () => {
    for (let seed = 0; seed < SEEDS; seed += 1) {
      try {
        await run(seed).finish();
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
  });
});
