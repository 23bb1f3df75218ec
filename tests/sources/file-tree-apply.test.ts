import { beforeEach, describe, expect, it } from 'vitest';
import type { MemoryFilesOptions } from '../../src/sources/files/memory-files.ts';
import { createTreeHome, type TreeHome } from './tree-home.ts';
import { createSpaceDouble, type SpaceDouble } from './workspace-double.ts';

describe('apply to a file tree', () => {
  let space: SpaceDouble;
  let home: TreeHome;
  const start = (options: MemoryFilesOptions = {}): void => {
    space = createSpaceDouble();
    home = createTreeHome(space, options);
  };
  beforeEach(() => start());
  const ino = (path: string): bigint | undefined => home.disk.stat(path)?.ino;
  const put = (body: string): void => space.put('s.jsonl', body, {}, 'lines');
  const nothingLeft = async (): Promise<void> => {
    expect(await home.source.scan()).toMatchObject({ changes: 0 });
    expect(await home.workspace.outstanding()).toEqual([]);
    expect(home.disk.paths().filter((path) => path.includes('.satchel-tmp-'))).toEqual([]);
  };

  it('writes, replaces and removes, and a capture after it is empty', async () => {
    home.write('old', '1');
    home.write('gone/deep/f', '1');
    await home.source.scan();
    space.put('old', '2');
    space.put('new/deep', '3', { mode: 0o755 });
    space.put('link', 'new/deep', { link: true });
    space.remove('gone/deep/f');
    expect(await home.source.apply()).toMatchObject({ written: 3, removed: 1, waiting: [], notHere: [] });
    expect(home.disk.paths()).toEqual(['link', 'new', 'new/deep', 'old']);
    expect([home.text('old'), home.text('new/deep'), home.disk.stat('new/deep')?.mode]).toEqual(['2', '3', 0o700]);
    expect(home.disk.get('link')).toEqual({ type: 'link', target: 'new/deep' });
    await nothingLeft();
  });

  it('puts in place what comes while it is under way, small and large', async () => {
    const large = 'x'.repeat(2 * 1024 * 1024);
    space.put('first', '1');
    let came = 0;
    home.options = {
      onMutation({ type }, phase) {
        if (type !== 'rename' || phase !== 'after') return;
        came += 1;
        if (came === 1) space.put('large', large);
        if (came === 2) space.put('then', '2');
      },
    };
    expect(await home.source.apply()).toMatchObject({ written: 3, removed: 0, waiting: [] });
    expect([home.text('first'), home.text('large')?.length, home.text('then')]).toEqual(['1', large.length, '2']);
    await nothingLeft();
  });

  it('leaves what comes with a removal to the next apply, which removes first', async () => {
    home.write('a', 'a file');
    await home.source.scan();
    space.put('first', '1');
    let once = true;
    home.options = {
      onMutation({ type }, phase) {
        if (type !== 'rename' || phase !== 'after' || !once) return;
        once = false;
        space.remove('a');
        space.put('a/below', 'a folder now');
      },
    };
    expect(await home.source.apply()).toMatchObject({ written: 1, removed: 0, waiting: [] });
    expect(await home.source.apply()).toMatchObject({ written: 1, removed: 1, waiting: [] });
    expect(home.disk.paths()).toEqual(['a', 'a/below', 'first']);
    await nothingLeft();
  });

  it('writes an item once in an apply: what changes meanwhile waits for the next', async () => {
    space.put('a', '1');
    let renames = 0;
    home.options = {
      onMutation({ type }, phase) {
        if (type === 'rename' && phase === 'after') space.put('a', String((renames += 1) + 1));
      },
    };
    await home.source.apply();
    expect([renames, home.text('a')]).toEqual([1, '1']);
    await home.source.apply();
    expect([renames, home.text('a')]).toEqual([2, '2']);
  });

  it('captures an existing home first: nothing in it is lost', async () => {
    home.write('CLAUDE.md', 'mine');
    home.write('only-here', '1');
    space.put('CLAUDE.md', 'theirs');
    space.put('only-there', '1');
    await home.source.apply();
    expect([home.text('CLAUDE.md'), home.text('only-here'), home.text('only-there')]).toEqual(['theirs', '1', '1']);
    expect(space.siblings).toHaveLength(1);
    expect([...space.bodies.values()].map(String)).toContain('mine');
    expect(space.text('only-here')).toBe('1');
    await nothingLeft();
  });

  it('captures an edit made since the last capture before it writes over it', async () => {
    home.write('a', '1');
    await home.source.scan();
    space.put('a', 'theirs');
    home.write('a', 'edited here');
    await home.source.apply();
    expect(home.text('a')).toBe('theirs');
    expect([...space.bodies.values()].map(String)).toContain('edited here');
    await nothingLeft();
  });

  it('captures an edit that hides behind the same size and times before it writes over it', async () => {
    home.write('a', 'one');
    await home.source.scan();
    space.put('a', 'theirs');
    home.write('a', 'two');
    await home.source.apply();
    expect([...space.bodies.values()].map(String)).toContain('two');
    await nothingLeft();
  });

  it('captures an edit that comes in the middle of the write', async () => {
    home.write('a', '1');
    await home.source.scan();
    space.put('a', 'theirs');
    let once = true;
    home.options = {
      onMutation({ type }, phase) {
        if (type !== 'rename' || phase !== 'before' || !once) return;
        once = false;
        home.write('a', 'in the middle');
      },
    };
    await home.source.apply();
    expect(home.text('a')).toBe('theirs');
    expect([...space.bodies.values()].map(String)).toContain('in the middle');
    await nothingLeft();
  });

  it('gives up on a file that changes at every write, and tries again later', async () => {
    home.write('a', '1');
    await home.source.scan();
    space.put('a', 'theirs');
    let count = 0;
    home.options = { onMutation: ({ type }, phase) => type === 'create' && phase === 'after' && home.write('a', 'x'.repeat((count += 2))) };
    const report = await home.source.apply();
    expect(report.waiting.map(({ name }) => name)).toEqual(['a']);
    expect(report.retryInMs).toBeGreaterThan(0);
    home.options = {};
    home.settle();
    expect(await home.source.apply()).toMatchObject({ written: 1, waiting: [], retryInMs: null });
    await nothingLeft();
  });

  it('keeps the permissions of a file, and sets the executable bit for who may read it', async () => {
    home.write('a', '1', 0o640);
    await home.source.scan();
    space.put('a', '2', { mode: 0o755 });
    await home.source.apply();
    expect(home.disk.stat('a')?.mode).toBe(0o750);
    space.put('a', '3');
    await home.source.apply();
    expect(home.disk.stat('a')?.mode).toBe(0o640);
    await nothingLeft();
  });

  it('puts a file where a folder was, and the reverse', async () => {
    home.write('a', '1');
    home.write('b/c/d', '1');
    await home.source.scan();
    space.remove('a');
    space.put('a/x/y', '2');
    space.remove('b/c/d');
    space.put('b', '2');
    expect(await home.source.apply()).toMatchObject({ written: 2, removed: 2, waiting: [] });
    expect([home.text('a/x/y'), home.text('b')]).toEqual(['2', '2']);
    await nothingLeft();
  });

  it('does not remove what it does not know from a folder that is in the way', async () => {
    home.write('local/keep', '1');
    space.put('other', '1');
    space.put('local', 'x');
    const report = await home.source.apply();
    expect(report).toMatchObject({ written: 1, waiting: [{ name: 'local' }] });
    expect(home.text('local/keep')).toBe('1');
  });

  it('never writes over a link that leads elsewhere', async () => {
    home.disk.write('/dotfiles/CLAUDE.md', Buffer.from('mine'));
    home.disk.link('CLAUDE.md', '/dotfiles/CLAUDE.md');
    space.put('CLAUDE.md', 'theirs');
    expect(await home.source.apply()).toMatchObject({ written: 0, waiting: [{ name: 'CLAUDE.md' }] });
    expect(home.disk.get('CLAUDE.md')?.type).toBe('link');
  });

  it('refuses links that lead out, and never follows one that arrived', async () => {
    space.put('abs', '/etc', { link: true });
    space.put('up', '../x', { link: true });
    space.put('sly', 'a/../../x', { link: true });
    space.put('in', 'a', { link: true });
    const report = await home.source.apply();
    expect(report.notHere.map(({ name }) => name).toSorted()).toEqual(['abs', 'sly', 'up']);
    expect(home.disk.paths()).toEqual(['in']);
    space.put('in/f', 'x');
    expect(await home.source.apply()).toMatchObject({ written: 0, waiting: [{ name: 'in/f' }] });
    await home.source.scan();
    expect([...space.heads.keys()]).toHaveLength(5);
  });

  it('a link that arrived is not followed even when it is made to lead out afterwards', async () => {
    home.disk.write('/outside/f', Buffer.from('secret'));
    space.put('in', 'a', { link: true });
    await home.source.apply();
    home.disk.link('in', '/outside');
    expect((await home.source.scan()).skipped.map(({ name }) => name)).toEqual(['in']);
    expect([...space.heads.keys()]).toEqual(['text\0in']);
  });

  it('reports what cannot be written, and writes the rest', async () => {
    for (const name of ['a', 'b', 'c']) space.put(name, name);
    home.options = { refuses: (operation, path) => (operation === 'write' && path === 'b' ? 'no-access' : null) };
    const report = await home.source.apply();
    expect(report).toMatchObject({ written: 2, waiting: [{ name: 'b' }], retryInMs: 1_000 });
    expect(await home.source.apply()).toMatchObject({ written: 0, waiting: [{ name: 'b' }], retryInMs: 1_000 });
    home.clock.advance(1_000);
    expect(await home.source.apply()).toMatchObject({ written: 0, retryInMs: 2_000 });
    home.options = {};
    await home.source.scan(['b']);
    expect(await home.source.apply()).toMatchObject({ written: 1, waiting: [], retryInMs: null });
    await nothingLeft();
  });

  it('watching, it retries what failed, and stops when there is nothing left to retry', async () => {
    home = createTreeHome(space, {}, { retryMs: 1, rescanMs: 1_000_000 });
    space.put('a', 'a');
    home.options = { refuses: (operation) => (operation === 'write' ? 'no-access' : null) };
    await home.source.apply();
    const stop = new AbortController();
    let applied: (() => void) | null = null;
    const done = new Promise<void>((resolve) => (applied = resolve));
    const watching = home.source.watch((round) => {
      home.options = {};
      home.clock.advance(10);
      if (round.type === 'apply' && round.report.written === 1) applied?.();
    }, stop.signal);
    await done;
    expect(home.text('a')).toBe('a');
    stop.abort();
    await watching;
    expect(await home.source.apply()).toMatchObject({ retryInMs: null });
  });

  it('watching, it retries soon what failed in a round that somebody else asked for while it slept', async () => {
    home = createTreeHome(space, {}, { retryMs: 1, rescanMs: 1_000_000 });
    await home.source.apply();
    const stop = new AbortController();
    let looked: (() => void) | null = null;
    let applied: (() => void) | null = null;
    const asleep = new Promise<void>((resolve) => (looked = resolve));
    const done = new Promise<void>((resolve) => (applied = resolve));
    const watching = home.source.watch((round) => {
      looked?.();
      if (round.type === 'apply' && round.report.written === 1) applied?.();
    }, stop.signal);
    await asleep;
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    space.put('a', 'a');
    home.options = { refuses: (operation) => (operation === 'write' ? 'no-access' : null) };
    await home.source.apply();
    home.options = {};
    home.clock.advance(10);
    await done;
    expect(home.text('a')).toBe('a');
    stop.abort();
    await watching;
  });

  it('does not go on retrying what nobody wants any more', async () => {
    space.put('a', 'a');
    home.options = { refuses: (operation) => (operation === 'write' ? 'no-access' : null) };
    expect((await home.source.apply()).retryInMs).toBe(1_000);
    space.remove('a');
    expect(await home.source.apply()).toMatchObject({ retryInMs: null, waiting: [] });
  });

  it('names a full disk, leaves nothing half-written, and goes on when there is room', async () => {
    for (const name of ['a', 'b', 'c']) space.put(name, name);
    home.options = { refuses: (operation, path) => (operation === 'write' && path !== 'a' ? 'full' : null) };
    const report = await home.source.apply();
    expect(report.state.type).toBe('disk-full');
    expect(report.waiting).toHaveLength(2);
    expect(home.disk.paths()).toEqual(['a']);
    home.options = {};
    home.settle();
    expect(await home.source.apply()).toMatchObject({ written: 2, state: { type: 'ok' }, waiting: [] });
    await nothingLeft();
  });

  it('waits for bodies that cannot be had now, and puts the others in place', async () => {
    space.put('a', 'a');
    space.put('b', 'b');
    space.unavailable.add(space.heads.get('text\0a')?.content.digest ?? '');
    expect(await home.source.apply()).toMatchObject({ written: 1, waiting: [{ name: 'a', reason: 'the hub is away' }] });
    expect(home.source.waiting()).toEqual([{ name: 'a', lacksBody: false, reason: 'the hub is away' }]);
    space.unavailable.clear();
    home.settle();
    expect(await home.source.apply()).toMatchObject({ written: 1, waiting: [] });
    expect(home.source.waiting()).toEqual([]);
  });

  describe('of growing files', () => {
    it('extends in place: a running session keeps its file', async () => {
      home.write('s.jsonl', '1\n');
      await home.source.scan();
      const before = ino('s.jsonl');
      put('1\n2\n');
      await home.source.apply();
      expect([home.text('s.jsonl'), ino('s.jsonl')]).toEqual(['1\n2\n', before]);
      home.restart();
      put('1\n2\n3\n');
      await home.source.apply();
      expect([home.text('s.jsonl'), ino('s.jsonl')]).toEqual(['1\n2\n3\n', before]);
      await nothingLeft();
      home.disk.append('s.jsonl', Buffer.from('4\n'));
      expect(await home.source.scan(['s.jsonl'])).toMatchObject({ changes: 1, bytes: 2 });
    });

    it('waits while the last line is being written', async () => {
      home.write('s.jsonl', '1\n2');
      await home.source.scan();
      put('1\n3\n');
      expect(await home.source.apply()).toMatchObject({ written: 0, waiting: [{ name: 's.jsonl' }] });
      expect(home.text('s.jsonl')).toBe('1\n2');
      home.disk.append('s.jsonl', Buffer.from('\n'));
      await home.source.scan(['s.jsonl']);
      await home.source.apply();
      expect(home.text('s.jsonl')).toBe('1\n3\n');
      expect([...space.bodies.values()].map(String)).toContain('1\n2\n');
    });

    it('does not lose a line that a session appends at the same moment', async () => {
      home.write('s.jsonl', '1\n');
      await home.source.scan();
      put('1\n2\n');
      let once = true;
      home.options = {
        onMutation({ type }, phase) {
          if (type !== 'extend' || phase !== 'before' || !once) return;
          once = false;
          home.disk.append('s.jsonl', Buffer.from('mine\n'));
        },
      };
      await home.source.apply();
      expect([...space.bodies.values()].map(String).some((body) => body.includes('mine'))).toBe(true);
      await nothingLeft();
    });

    it('captures a mode that its user turned at the same moment', async () => {
      home.write('s.jsonl', '1\n', 0o644);
      await home.source.scan();
      put('1\n2\n');
      home.options = {
        onMutation({ type }, phase) {
          if (type !== 'extend' || phase !== 'after') return;
          home.clock.advance(1); // later than the write, as its times tell
          home.disk.chmod('s.jsonl', 0o755);
        },
      };
      await home.source.apply();
      home.options = {};
      expect(home.text('s.jsonl')).toBe('1\n2\n');
      expect((await home.source.scan()).changes).toBe(1);
      expect(home.disk.stat('s.jsonl')?.mode).toBe(0o755);
      await nothingLeft();
    });
  });

  describe('on a disk that folds names', () => {
    beforeEach(() => start({ foldsCase: true, foldsUnicode: true }));

    it('lets the first stay, and the second is not here', async () => {
      home.write('Readme.md', 'mine');
      await home.source.scan();
      space.put('README.md', 'theirs');
      space.put('docs/a', '1');
      space.put('Docs/b', '1');
      const report = await home.source.apply();
      expect(report.notHere.map(({ name }) => name).toSorted()).toEqual(['README.md', 'docs/a']);
      expect(home.disk.paths()).toEqual(['Docs', 'Docs/b', 'Readme.md']);
      expect(home.text('Readme.md')).toBe('mine');
      await nothingLeft();
      expect(space.heads.size).toBe(4);
    });

    it('brings the second when the first is gone', async () => {
      home.write('Readme.md', 'mine');
      home.write('x', '');
      await home.source.scan();
      space.put('README.md', 'theirs');
      await home.source.apply();
      space.remove('Readme.md');
      await home.source.apply();
      await home.source.apply();
      expect([home.disk.paths(), home.text('README.md')]).toEqual([['README.md', 'x'], 'theirs']);
      await nothingLeft();
    });
  });
});
