import { beforeEach, describe, expect, it } from 'vitest';
import type { MemoryFilesOptions } from '../../src/sources/files/memory-files.ts';
import { createTreeHome, type TreeHome } from './tree-home.ts';
import { createSpaceDouble, type SpaceDouble } from './workspace-double.ts';

describe('capture of a file tree', () => {
  let space: SpaceDouble;
  let home: TreeHome;
  const start = (options: MemoryFilesOptions = {}): void => {
    space = createSpaceDouble();
    home = createTreeHome(space, options);
  };
  beforeEach(() => start());

  const reasons = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await home.source.scan()).skipped.map(({ name, reason }) => [name, reason]));

  it('captures files once, and nothing when nothing changed', async () => {
    home.write('CLAUDE.md', 'be kind');
    home.write('rules/a.md', 'a');
    home.write('local/secret', 's');
    expect(await home.source.scan()).toMatchObject({ changes: 2, skipped: [] });
    expect([space.text('CLAUDE.md'), space.text('rules/a.md'), space.heads.size]).toEqual(['be kind', 'a', 2]);
    for (let round = 0; round < 3; round += 1) {
      expect(await home.source.scan()).toMatchObject({ changes: 0 });
      home.settle();
    }
  });

  it('captures edits, deletions and renames', async () => {
    home.write('a', '1');
    home.write('b', '1');
    await home.source.scan();
    home.settle();
    home.write('a', '2');
    home.disk.rename('b', 'c');
    expect(await home.source.scan()).toMatchObject({ changes: 3 });
    expect([space.text('a'), space.text('b'), space.text('c')]).toEqual(['2', undefined, '1']);
    home.disk.remove('a');
    await home.source.scan(['a']);
    expect(space.text('a')).toBeUndefined();
  });

  it('sees an edit that hides behind the same size and times', async () => {
    home.write('a', 'one');
    await home.source.scan();
    home.write('a', 'two');
    expect(await home.source.scan()).toMatchObject({ changes: 1 });
    expect(space.text('a')).toBe('two');
  });

  it('does not read settled files again', async () => {
    home.write('a', 'one');
    home.settle();
    await home.source.scan();
    const read: string[] = [];
    home.options = { onRead: (path) => read.push(path) };
    await home.source.scan();
    home.restart();
    await home.source.scan();
    expect(read).toEqual([]);
  });

  it('looks at changed paths only', async () => {
    home.write('a/x', '1');
    home.write('b', '1');
    await home.source.scan();
    home.write('a/x', '2');
    home.write('a/y', '1');
    home.write('b', '2');
    expect(await home.source.scan(['a'])).toMatchObject({ changes: 2 });
    expect(space.text('b')).toBe('1');
  });

  it('carries the executable bit', async () => {
    home.write('hooks/run', '#!', 0o755);
    await home.source.scan();
    expect(space.heads.get('text\0hooks/run')?.content.attributes).toEqual({ mode: 0o755 });
    home.disk.chmod('hooks/run', 0o644);
    expect(await home.source.scan()).toMatchObject({ changes: 1 });
    expect(space.heads.get('text\0hooks/run')?.content.attributes).toEqual({});
  });

  it('keeps the executable bit of others where the disk has none', async () => {
    start({ keepsModes: false });
    space.put('run', '#!', { mode: 0o755 });
    await home.source.apply();
    home.write('run', '#! new');
    await home.source.scan();
    expect(space.heads.get('text\0run')?.content).toMatchObject({ size: 6, attributes: { mode: 0o755 } });
  });

  it('carries links that stay inside, and lists the others', async () => {
    home.disk.link('a/in', '../b');
    home.disk.link('out', '/etc/passwd');
    home.disk.link('up', '../../x');
    home.disk.link('sly', 'a/../../x');
    const skipped = await reasons();
    expect(space.heads.get('text\0a/in')?.content.attributes).toEqual({ link: true });
    expect(space.text('a/in')).toBe('../b');
    expect(Object.keys(skipped).toSorted()).toEqual(['out', 'sly', 'up']);
    expect(space.heads.size).toBe(1);
  });

  it('follows a link to a folder elsewhere that the user made, and writes through it', async () => {
    home.disk.write('/dotfiles/skills/a.md', Buffer.from('mine'));
    home.disk.link('skills', '/dotfiles/skills');
    await home.source.scan();
    expect([space.text('skills/a.md'), space.heads.size]).toEqual(['mine', 1]);
    space.put('skills/a.md', 'theirs');
    space.put('skills/b.md', 'new');
    expect(await home.source.apply()).toMatchObject({ written: 2, waiting: [] });
    expect([home.text('/dotfiles/skills/a.md'), home.text('/dotfiles/skills/b.md')]).toEqual(['theirs', 'new']);
    expect(home.disk.get('skills')?.type).toBe('link');
  });

  it('does not take the content of a folder that cannot be read for deleted', async () => {
    home.write('rules/a', '1');
    home.write('rules/b', '1');
    home.write('c', '1');
    await home.source.scan();
    home.options = { refuses: (operation, path) => (operation === 'scan' && path === 'rules' ? 'no-access' : null) };
    home.write('c', '2');
    expect(await reasons()).toEqual({ rules: 'no-access at "rules"' });
    expect([space.heads.size, space.text('c')]).toEqual([3, '2']);
  });

  it('lists what cannot be carried and goes on with the rest', async () => {
    home.write('unreadable', '1');
    home.write('a\\b', '1');
    home.write('control\u0001', '1');
    home.disk.special('socket');
    home.write('good', '1');
    home.options = { refuses: (operation, path) => (operation === 'read' && path === 'unreadable' ? 'no-access' : null) };
    expect(Object.keys(await reasons()).toSorted()).toEqual(['a\\b', 'control\u0001', 'socket', 'unreadable']);
    expect([...space.heads.keys()]).toEqual(['text\0good']);
    home.options = {};
    home.disk.special('good');
    await home.source.scan();
    expect(space.text('good')).toBe('1');
    expect(space.text('unreadable')).toBe('1');
  });

  it('lists files that are too large', async () => {
    home = createTreeHome(space, {}, { fileBytes: 1_048_576 });
    home.disk.write('big', new Uint8Array(1_048_577));
    expect(await reasons()).toEqual({ big: 'is larger than 1 MiB' });
  });

  it('reads a file again that changes while it is read', async () => {
    home.write('a', 'first');
    let changes = 2;
    home.options = { onRead: () => changes-- > 0 && home.write('a', `changed ${'!'.repeat(changes)}`) };
    expect(await home.source.scan()).toMatchObject({ changes: 1, changing: [] });
    expect(space.text('a')).toBe('changed ');
  });

  it('leaves a file that never stops changing for the next round', async () => {
    home.write('a', '0');
    let count = 0;
    home.options = { onRead: () => home.write('a', `${(count += 1)}`.repeat(count + 1)) };
    expect(await home.source.scan()).toMatchObject({ changes: 0, changing: ['a'] });
    home.options = {};
    expect(await home.source.scan(['a'])).toMatchObject({ changes: 1 });
  });

  it('names are NFC, whatever the disk holds', async () => {
    home.write('cafe\u0301/e\u0301.md', '1');
    await home.source.scan();
    expect(space.text('caf\u00e9/\u00e9.md')).toBe('1');
    space.put('caf\u00e9/\u00e9.md', '2');
    space.put('caf\u00e9/n.md', 'new');
    await home.source.apply();
    expect(home.disk.paths()).toEqual(['cafe\u0301', 'cafe\u0301/e\u0301.md', 'cafe\u0301/n.md']);
    expect(home.text('cafe\u0301/e\u0301.md')).toBe('2');
    expect(await home.source.scan()).toMatchObject({ changes: 0 });
  });

  it('lists the second of two files whose names differ in Unicode form only', async () => {
    home.write('e\u0301', 'decomposed');
    home.write('\u00e9', 'composed');
    expect(Object.keys(await reasons())).toEqual(['e\u0301']);
    expect(space.text('\u00e9')).toBe('composed');
    home.write('e\u0301', 'decomposed 2');
    await home.source.scan(['e\u0301']);
    expect(space.text('\u00e9')).toBe('composed');
  });

  it('sees a change of case on a disk that folds case', async () => {
    start({ foldsCase: true });
    home.write('Readme', '1');
    await home.source.scan();
    home.disk.rename('Readme', 'README');
    await home.source.scan(['Readme', 'README']);
    expect([...space.heads.keys()]).toEqual(['text\0README']);
  });

  it('ignores temporary files, and removes them', async () => {
    home.write('a/.satchel-tmp-1', 'half');
    expect(await home.source.scan()).toMatchObject({ changes: 0, skipped: [] });
    expect(home.disk.paths()).toEqual(['a']);
  });

  describe('of growing files', () => {
    it('takes whole lines, and sends only what was added', async () => {
      home.write('s.jsonl', '1\n2');
      expect(await home.source.scan()).toMatchObject({ changes: 1, torn: ['s.jsonl'] });
      expect(space.text('s.jsonl', 'lines')).toBe('1\n');
      expect(await home.source.scan()).toMatchObject({ changes: 0, torn: ['s.jsonl'] });
      home.disk.append('s.jsonl', Buffer.from('2\n3\n4'));
      expect(await home.source.scan(['s.jsonl'])).toMatchObject({ changes: 1, bytes: 5, torn: ['s.jsonl'] });
      expect(space.text('s.jsonl', 'lines')).toBe('1\n22\n3\n');
      home.settle();
      home.disk.append('s.jsonl', Buffer.from('\n'));
      home.restart();
      expect(await home.source.scan()).toMatchObject({ changes: 1, bytes: 2, torn: [] });
      expect(space.text('s.jsonl', 'lines')).toBe('1\n22\n3\n4\n');
    });

    it('holds back a file that has no whole line yet', async () => {
      home.write('s.jsonl', 'tor');
      expect(await home.source.scan()).toMatchObject({ changes: 0, torn: ['s.jsonl'] });
    });

    it('takes nothing back of an unfinished line that the space holds', async () => {
      space.put('s.jsonl', 'one\ntor', {}, 'lines');
      await home.source.apply();
      expect(home.text('s.jsonl')).toBe('one\ntor');
      expect(await home.source.scan()).toMatchObject({ changes: 0 });
      home.disk.append('s.jsonl', Buffer.from('n'));
      expect(await home.source.scan()).toMatchObject({ changes: 0, torn: ['s.jsonl'] });
      home.disk.append('s.jsonl', Buffer.from('\n'));
      expect(await home.source.scan()).toMatchObject({ changes: 1, torn: [] });
      expect(space.text('s.jsonl', 'lines')).toBe('one\ntorn\n');
    });

    it('takes a torn line that nobody goes on with', async () => {
      home.write('s.jsonl', '1\n2');
      await home.source.scan();
      home.clock.advance(11 * 60_000);
      expect(await home.source.scan()).toMatchObject({ changes: 1, torn: [] });
      expect(space.text('s.jsonl', 'lines')).toBe('1\n2');
      expect(await home.source.scan()).toMatchObject({ changes: 0, torn: [] });
    });

    it('reads only the end of a file that has grown', async () => {
      home.write('s.jsonl', `${'x'.repeat(100_000)}\n`);
      await home.source.scan();
      let bytes = 0;
      const plain = { ...home.files };
      home.files.read = async (path, from) => {
        const result = await plain.read(path, from);
        if (result.ok) bytes += result.value.bytes.length;
        return result;
      };
      home.disk.append('s.jsonl', Buffer.from('y\n'));
      expect(await home.source.scan(['s.jsonl'])).toMatchObject({ changes: 1, bytes: 2 });
      expect(bytes).toBeLessThan(10_000);
    });

    it('sends a rewritten file whole', async () => {
      home.write('s.jsonl', '1\n2\n');
      await home.source.scan();
      home.write('s.jsonl', 'a\nb\nc\n');
      expect(await home.source.scan(['s.jsonl'])).toMatchObject({ changes: 1, bytes: 6 });
      expect(space.siblings).toEqual([]);
    });

    it('finds with a full scan that the beginning of a grown file was rewritten', async () => {
      home.write('s.jsonl', `1${'x'.repeat(10_000)}\n`);
      await home.source.scan();
      home.write('s.jsonl', `2${'x'.repeat(10_000)}\n`);
      home.disk.append('s.jsonl', Buffer.from('more\n'));
      await home.source.scan(['s.jsonl']);
      home.settle();
      await home.source.scan();
      expect(space.text('s.jsonl', 'lines')?.startsWith('2x')).toBe(true);
    });

    it('never takes the disappearance of a file that is kept for a deletion', async () => {
      home.write('s.jsonl', '1\n');
      home.write('other', '1');
      await home.source.scan();
      home.disk.remove('s.jsonl');
      await home.source.scan();
      expect(space.text('s.jsonl', 'lines')).toBe('1\n');
      expect(await home.source.apply()).toMatchObject({ written: 0, waiting: [] });
    });
  });
});
