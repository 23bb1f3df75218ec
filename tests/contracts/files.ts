import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TEMPORARY_PREFIX, type FileStat, type FileTree, type TreeChange } from '../../src/core/ports/files.ts';
import type { Result } from '../../src/core/result.ts';

/** The local user's hand on the disk behind a file tree. Paths are relative to the root. */
export interface DiskHand {
  write(path: string, text: string, mode?: number): void;
  append(path: string, text: string): void;
  text(path: string): string | null;
  link(path: string, target: string): void;
  folder(path: string): void;
  remove(path: string): void;
  paths(): string[];
  dropRoot(): void;
  /** A folder outside the tree that a link can point to, and the text of a file in it. */
  readonly outside: string;
  outsideText(name: string): string | null;
}

export interface FilesUnderTest {
  readonly files: FileTree;
  readonly hand: DiskHand;
  close(): void;
}

/** What every driver of {@link FileTree} keeps. */
export function filesContract(name: string, open: () => FilesUnderTest): void {
  describe(`files: ${name}`, () => {
    let under: FilesUnderTest;
    let files: FileTree;
    let hand: DiskHand;
    beforeEach(() => {
      under = open();
      ({ files, hand } = under);
    });
    afterEach(() => under.close());

    const stat = (path: string): FileStat => value(files.stat(path));
    const noTemporaries = (): void => expect(hand.paths().filter((path) => path.includes(TEMPORARY_PREFIX))).toEqual([]);

    it('scans files, folders and links without following them', () => {
      hand.write('a/b.md', 'one', 0o755);
      hand.link('l', 'a');
      const scan = files.scan();
      expect(scan.root).not.toBeNull();
      expect([...scan.entries.keys()].toSorted()).toEqual(['a', 'a/b.md', 'l']);
      expect(scan.entries.get('a/b.md')).toMatchObject({ type: 'file', size: 3, mode: 0o755 });
      expect(scan.entries.get('l')?.type).toBe('link');
      expect(value(files.readLink('l'))).toBe('a');
    });

    it('scans a part, and leaves out folders that are not entered', () => {
      hand.write('a/b/c', '1');
      hand.write('a/d/e', '1');
      const scan = files.scan({ under: 'a', enters: (folder) => folder !== 'a/d' });
      expect([...scan.entries.keys()].toSorted()).toEqual(['a', 'a/b', 'a/b/c', 'a/d']);
      expect([...files.scan({ under: 'nothing' }).entries]).toEqual([]);
    });

    it('says that a root is not there', () => {
      hand.dropRoot();
      expect(files.scan()).toMatchObject({ root: null });
      expect(problem(files.stat(''))).toBe('missing');
    });

    it('reads whole and from an offset', async () => {
      hand.write('f', 'hello world');
      expect(Buffer.from(value(await files.read('f')).bytes).toString()).toBe('hello world');
      expect(Buffer.from(value(await files.read('f', 6)).bytes).toString()).toBe('world');
      expect(value(await files.read('f')).stat).toEqual(stat('f'));
      expect(problem(await files.read('none'))).toBe('missing');
    });

    it.each(['../x', '/etc/passwd', 'a/../../x', 'a//b', './a', 'a/..', 'a\0b'])('refuses the path %j everywhere', async (path) => {
      expect(problem(files.stat(path))).toBe('outside');
      expect(problem(await files.read(path))).toBe('outside');
      expect(problem(await files.write(path, Buffer.from('x'), { expected: null }))).toBe('outside');
      expect(problem(await files.writeLink(path, 'x', null))).toBe('outside');
      expect(problem(await files.makeFolder(path))).toBe('outside');
      expect(problem(await files.removeFolder(path))).toBe('outside');
      expect(problem(files.readLink(path))).toBe('outside');
    });

    it('never goes through a link that is not followed', async () => {
      hand.link('l', hand.outside);
      const body = Buffer.from('x');
      expect(problem(await files.read('l/secret'))).toBe('outside');
      expect(problem(await files.write('l/new', body, { expected: null }))).toBe('outside');
      expect(problem(await files.makeFolder('l/sub'))).toBe('outside');
      expect(problem(await files.makeFolder('l'))).toBe('outside');
      expect(problem(files.stat('l/secret'))).toBe('outside');
      expect(hand.outsideText('new')).toBeNull();
      expect(hand.outsideText('secret')).toBe('secret');
    });

    it('follows the links that it is told to, and no others', async () => {
      hand.link('l', hand.outside);
      hand.folder('own');
      hand.link('inner', 'own');
      expect([files.leadsTo('l'), files.leadsTo('inner'), files.leadsTo('own')]).toEqual(['folder', null, null]);
      files.follow(new Set(['l']));
      expect([...files.scan().entries.keys()].toSorted()).toEqual(['inner', 'l', 'l/secret', 'own']);
      value(await files.write('l/new', Buffer.from('x'), { expected: null }));
      expect(hand.outsideText('new')).toBe('x');
      files.follow(new Set());
      expect(problem(await files.read('l/new'))).toBe('outside');
    });

    it('reads and writes what a followed link to a file leads to, and removes and replaces the link', async () => {
      hand.link('l', `${hand.outside}/secret`);
      expect([files.leadsTo('l'), stat('l').type]).toEqual(['file', 'link']);
      files.follow(new Set(['l']));
      expect(files.scan().entries.get('l')).toEqual(stat('l'));
      expect(stat('l')).toMatchObject({ type: 'file', size: 6 });
      const before = stat('l');
      expect(Buffer.from(value(await files.read('l')).bytes).toString()).toBe('secret');
      expect(value(await files.write('l', Buffer.from('edited'), { expected: before }))).toEqual(stat('l'));
      expect([hand.outsideText('secret'), value(files.readLink('l'))]).toEqual(['edited', `${hand.outside}/secret`]);
      value(await files.extend('l', Buffer.from(' more'), stat('l')));
      expect(hand.outsideText('secret')).toBe('edited more');
      expect(problem(await files.remove('l', before))).toBe('changed');
      expect(problem(await files.writeLink('l', 'x', before))).toBe('changed');
      value(await files.writeLink('l', 'x', stat('l')));
      expect([hand.outsideText('secret'), value(files.readLink('l'))]).toEqual(['edited more', 'x']);
      hand.remove('l');
      hand.link('l', `${hand.outside}/secret`);
      value(await files.remove('l', stat('l')));
      expect([hand.outsideText('secret'), problem(files.stat('l'))]).toEqual(['edited more', 'missing']);
      value(await files.flush());
    });

    it('takes a followed link that leads nowhere for a link, and nothing for gone', async () => {
      hand.link('file', `${hand.outside}/nothing`);
      hand.link('folder', `${hand.outside}/none`);
      files.follow(new Set(['file', 'folder']));
      expect([files.leadsTo('file'), stat('file').type, stat('folder').type]).toEqual([null, 'link', 'link']);
      expect([...files.scan().entries].map(([path, { type }]) => `${path} ${type}`).toSorted()).toEqual(['file link', 'folder link']);
      expect([...files.scan({ under: 'file' }).entries.keys()]).toEqual(['file']);
      expect(files.scan({ under: 'folder/x' }).unreadable).toMatchObject([{ path: 'folder/x' }]);
      expect(problem(await files.write('file', Buffer.from('x'), { expected: null }))).toBe('changed');
    });

    it('writes new files privately, and says how they look', async () => {
      value(await files.makeFolder('a/b'));
      const written = value(await files.write('a/b/f', Buffer.from('text'), { expected: null }));
      expect(written).toEqual(stat('a/b/f'));
      expect(written).toMatchObject({ type: 'file', size: 4, mode: 0o600 });
      expect(stat('a/b').mode).toBe(0o700);
      value(await files.flush());
      noTemporaries();
    });

    it('replaces what is as expected, and keeps or sets the mode', async () => {
      hand.write('f', 'old', 0o640);
      value(await files.write('f', Buffer.from('new'), { expected: stat('f') }));
      expect([hand.text('f'), stat('f').mode]).toEqual(['new', 0o640]);
      value(await files.write('f', Buffer.from('new'), { expected: stat('f'), mode: 0o750 }));
      expect(stat('f').mode).toBe(0o750);
    });

    it('refuses to replace, extend or remove what is not as expected', async () => {
      hand.write('f', 'old');
      const before = stat('f');
      hand.write('f', 'newer text');
      const body = Buffer.from('mine');
      expect(problem(await files.write('f', body, { expected: before }))).toBe('changed');
      expect(problem(await files.write('f', body, { expected: null }))).toBe('changed');
      expect(problem(await files.write('none', body, { expected: before }))).toBe('changed');
      expect(problem(await files.extend('f', body, before))).toBe('changed');
      expect(problem(await files.remove('f', before))).toBe('changed');
      expect(problem(await files.writeLink('f', 'x', null))).toBe('changed');
      expect(hand.text('f')).toBe('newer text');
      noTemporaries();
    });

    it('extends in place: the inode stays', async () => {
      hand.write('f', 'one\n');
      const before = stat('f');
      const after = value(await files.extend('f', Buffer.from('two\n'), before));
      expect(hand.text('f')).toBe('one\ntwo\n');
      expect(after).toEqual(stat('f'));
      expect(after.ino).toBe(before.ino);
    });

    it('says that a file was modified when it is told to say', async () => {
      const modifiedAt = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
      const made = value(await files.write('f', Buffer.from('one\n'), { expected: null, modifiedAt }));
      expect(made).toEqual(stat('f'));
      expect(Math.abs(Number(made.mtimeNs / 1_000_000n) - modifiedAt)).toBeLessThanOrEqual(1);
      const grown = value(await files.extend('f', Buffer.from('two\n'), made, { modifiedAt: modifiedAt + 1_000 }));
      expect(grown).toEqual(stat('f'));
      expect(Math.abs(Number(grown.mtimeNs / 1_000_000n) - modifiedAt - 1_000)).toBeLessThanOrEqual(1);
    });

    it('writes links, and replaces a file by one and back', async () => {
      hand.write('f', 'text');
      value(await files.writeLink('f', 'other', stat('f')));
      expect(value(files.readLink('f'))).toBe('other');
      expect(problem(await files.read('f'))).not.toBeNull();
      value(await files.write('f', Buffer.from('again'), { expected: stat('f') }));
      expect(hand.text('f')).toBe('again');
    });

    it('removes files, and folders only when they are empty', async () => {
      hand.write('a/f', 'text');
      expect(problem(await files.removeFolder('a'))).toBe('in-the-way');
      value(await files.remove('a/f', stat('a/f')));
      value(await files.removeFolder('a'));
      expect(hand.paths()).toEqual([]);
      expect(problem(await files.removeFolder('a'))).toBe('missing');
      expect(problem(await files.removeFolder(''))).toBe('in-the-way');
    });

    it('names a file that is in the way of a folder', async () => {
      hand.write('a', 'text');
      expect(problem(await files.makeFolder('a/b'))).toBe('in-the-way');
      expect(problem(await files.write('a/b', Buffer.from('x'), { expected: null }))).toBe('in-the-way');
    });

    it('makes the root where it is missing', async () => {
      hand.dropRoot();
      value(await files.makeFolder(''));
      expect(files.scan().root).not.toBeNull();
    });

    it('finds out how the disk folds names, and leaves nothing', async () => {
      const folds = await files.folds();
      hand.write('Name-\u00e9', 'x');
      expect(files.stat('name-\u00e9').ok).toBe(folds.case);
      expect(files.stat('Name-e\u0301').ok).toBe(folds.unicode);
      noTemporaries();
    });

    it('tells that the root came back, and watches it from then on', async () => {
      hand.dropRoot();
      const seen = new Set<string>();
      let all = 0;
      const watch = files.watch((change) => {
        if (change.type === 'all') all += 1;
        else for (const path of change.paths) seen.add(path);
      });
      try {
        for (const round of [1, 2]) {
          all = 0;
          value(await files.makeFolder(''));
          await until(() => all > 0);
          await until(() => {
            hand.write(`f${round}`, '1');
            hand.write(`f${round}`, '2');
            return seen.has(`f${round}`);
          });
          all = 0;
          hand.dropRoot();
          await until(() => all > 0 || seen.size > 0);
        }
      } finally {
        watch.close();
      }
    });

    it('watches a root that came back, once it was told to look', async () => {
      hand.write('f', '1');
      const seen = new Set<string>();
      const watch = files.watch((change) => {
        if (change.type === 'paths') for (const path of change.paths) seen.add(path);
      });
      try {
        hand.dropRoot();
        value(await files.makeFolder(''));
        watch.refresh();
        hand.write('g', '1');
        await until(() => seen.has('g'));
        hand.write('sub/h', '1');
        await until(() => seen.has('sub') || seen.has('sub/h'));
        expect(watch.problem()).toBeNull();
      } finally {
        watch.close();
      }
    });

    it('reports what changes, files in new folders too', async () => {
      hand.write('known/f', '1');
      const seen = new Set<string>();
      const watch = files.watch((change: TreeChange) => {
        if (change.type === 'paths') for (const path of change.paths) seen.add(path);
        else for (const path of hand.paths()) seen.add(path);
      });
      const covers = (path: string): boolean => [...seen].some((other) => path === other || path.startsWith(`${other}/`));
      try {
        hand.write('known/f', '2');
        await until(() => covers('known/f'));
        hand.write('new/deep/er/f', '1');
        await until(() => covers('new/deep/er/f'));
        await until(() => files.scan().entries.has('new/deep/er/f'));
        seen.clear();
        // Its folder has a watcher of its own by now, or is reported itself once more.
        await until(() => {
          hand.append('new/deep/er/f', '2');
          return covers('new/deep/er/f');
        });
        hand.remove('known');
        await until(() => covers('known/f'));
        expect(watch.problem()).toBeNull();
      } finally {
        watch.close();
      }
    });
  });
}

function value<T, E>(result: Result<T, E>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

function problem(result: Result<unknown, { readonly type: string }>): string | null {
  return result.ok ? null : result.error.type;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
