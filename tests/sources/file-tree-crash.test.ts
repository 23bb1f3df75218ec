import { array, assert, asyncProperty, integer } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTreeHome, type TreeHome } from './tree-home.ts';
import { createSpaceDouble, type SpaceDouble } from './workspace-double.ts';

class Crash extends Error {}

/** A home with work of every sort outstanding, and edits that were not captured yet. */
async function prepare(): Promise<{ space: SpaceDouble; home: TreeHome; captured: Set<string> }> {
  const space = createSpaceDouble();
  const home = createTreeHome(space);
  home.write('edited', 'before');
  home.write('folder/becomes/file', '1');
  home.write('file', '1');
  home.write('removed/deep', '1');
  home.write('s.jsonl', '1\n');
  home.write('t.jsonl', '1\n');
  await home.source.scan();
  space.put('edited', 'theirs');
  space.put('new/deep', 'x'.repeat(100), { mode: 0o755 });
  space.put('link', 'new/deep', { link: true });
  space.remove('removed/deep');
  space.remove('folder/becomes/file');
  space.put('folder', 'now a file');
  space.remove('file');
  space.put('file/inside', '2');
  space.put('s.jsonl', '1\n22\n333\n', {}, 'lines');
  space.put('t.jsonl', '1\ntheirs\n', {}, 'lines');
  home.write('edited', 'not captured yet');
  home.disk.append('t.jsonl', Buffer.from('ours\n'));
  const captured = new Set([...space.bodies.values()].map(String));
  return { space, home, captured };
}

/** Counts steps (mutations of the disk, calls that move views) and dies at one of them. */
function dieAt(home: TreeHome, at: number): () => number {
  let steps = 0;
  const step = (): void => {
    steps += 1;
    if (steps >= at) throw new Crash();
  };
  home.options = { onMutation: step };
  home.workspace.crash = step;
  return () => steps;
}

async function live(home: TreeHome): Promise<void> {
  await home.source.apply();
  await home.source.scan();
}

async function surviveAndCheck(space: SpaceDouble, home: TreeHome, captured: ReadonlySet<string>): Promise<void> {
  home.options = {};
  home.workspace.crash = null;
  home.restart();
  home.settle();
  await home.source.apply();
  const bodies = new Set([...space.bodies.values()].map(String));
  for (const body of [...captured, 'not captured yet', '1\nours\n']) expect(bodies).toContain(body);
  expect(await home.source.scan()).toMatchObject({ changes: 0, skipped: [], torn: [], state: { type: 'ok' } });
  expect(await home.workspace.outstanding()).toEqual([]);
  expect(home.disk.paths().filter((path) => path.includes('.satchel-tmp-'))).toEqual([]);
  expect([home.text('new/deep'), home.text('folder'), home.text('file/inside')]).toEqual(['x'.repeat(100), 'now a file', '2']);
  expect(home.text('s.jsonl')).toBe('1\n22\n333\n');
  expect(home.disk.get('removed')).toBeUndefined();
}

describe('a process that dies at any step', () => {
  it('loses nothing, and the next one finishes its work', async () => {
    const calm = await prepare();
    const steps = dieAt(calm.home, Infinity);
    await live(calm.home);
    await surviveAndCheck(calm.space, calm.home, calm.captured);
    expect(steps()).toBeGreaterThan(50);
    for (let at = 1; at <= steps(); at += 1) {
      const { space, home, captured } = await prepare();
      dieAt(home, at);
      await expect(live(home)).rejects.toThrow(Crash);
      await surviveAndCheck(space, home, captured);
    }
  });

  it('never takes what it did not come to restore for deleted', async () => {
    const gone = async (): Promise<{ space: SpaceDouble; home: TreeHome }> => {
      const space = createSpaceDouble();
      const home = createTreeHome(space);
      for (let index = 0; index < 24; index += 1) home.write(`f${index}`, `${index}`);
      home.write('stays', '1');
      await home.source.scan();
      for (let index = 0; index < 24; index += 1) home.disk.remove(`f${index}`);
      expect((await home.source.scan()).state.type).toBe('mass-deletion');
      return { space, home };
    };
    const calm = await gone();
    const steps = dieAt(calm.home, Infinity);
    await calm.home.source.answerDeletions('restore');
    expect(steps()).toBeGreaterThan(24);
    for (let at = 2; at <= steps(); at += 1) {
      const { space, home } = await gone();
      dieAt(home, at);
      await expect(home.source.answerDeletions('restore')).rejects.toThrow(Crash);
      home.options = {};
      home.workspace.crash = null;
      home.restart();
      await home.source.scan();
      expect(space.heads.size).toBe(25);
      expect(Array.from({ length: 24 }, (_, index) => home.text(`f${index}`))).not.toContain(null);
    }
  });

  it('survives dying again and again', async () => {
    await assert(
      asyncProperty(array(integer({ min: 1, max: 40 }), { maxLength: 6 }), async (deaths) => {
        const { space, home, captured } = await prepare();
        for (const at of deaths) {
          dieAt(home, at);
          await live(home).catch((error: unknown) => {
            if (!(error instanceof Crash)) throw error;
          });
          home.restart();
        }
        await surviveAndCheck(space, home, captured);
      }),
      { numRuns: 50 },
    );
  });

  it("takes what it put in place for the space's, on a disk that keeps no modes too", async () => {
    const prepareTool = async () => {
      const space = createSpaceDouble();
      const home = createTreeHome(space, { keepsModes: false });
      home.write('tool', 'first');
      home.write('other', '1');
      await home.source.scan();
      home.settle();
      space.put('tool', 'second', { mode: 0o755 });
      space.put('other', '2');
      return { space, home };
    };
    const calm = await prepareTool();
    const steps = dieAt(calm.home, Number.POSITIVE_INFINITY);
    await live(calm.home);
    for (let at = 1; at <= steps(); at += 1) {
      const { space, home } = await prepareTool();
      dieAt(home, at);
      await expect(live(home)).rejects.toThrow(Crash);
      home.options = {};
      home.workspace.crash = null;
      home.restart();
      home.settle();
      expect(await home.source.scan()).toMatchObject({ changes: 0 });
      await home.source.apply();
      expect(home.text('tool')).toBe('second');
      expect([...space.heads.values()].find(({ item }) => item.name === 'tool')?.content.attributes).toEqual({ mode: 0o755 });
    }
  });
});
