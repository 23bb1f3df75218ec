import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { editCorpus, writeCorpus } from './corpus.ts';
import { folderBytes } from './folder-size.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'satchel-corpus-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const SIZE = { files: 60, bytes: 2_000_000 };

async function contentsOf(root: string): Promise<Map<string, string>> {
  const contents = new Map<string, string>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile()) contents.set(path.relative(root, file), await readFile(file, 'utf8'));
  }
  return contents;
}

function digest(contents: Map<string, string>): string {
  return createHash('sha256')
    .update(JSON.stringify([...contents].toSorted(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex');
}

describe('writeCorpus', () => {
  it('writes the same for the same seed, other things for another, in the size that was asked for', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => path.join(folder, name));
    await writeCorpus(a!, 7, SIZE);
    await writeCorpus(b!, 7, SIZE);
    await writeCorpus(c!, 8, SIZE);
    const contents = await contentsOf(a!);
    expect(digest(contents)).toBe(digest(await contentsOf(b!)));
    expect(digest(contents)).not.toBe(digest(await contentsOf(c!)));
    expect(contents.size).toBe(SIZE.files);
    expect(Math.abs((await folderBytes(a!)) - SIZE.bytes)).toBeLessThan(SIZE.bytes * 0.05);
    for (const [name, text] of contents) {
      if (name.endsWith('.json')) JSON.parse(text);
      if (name.endsWith('.jsonl')) for (const line of text.trimEnd().split('\n')) JSON.parse(line);
    }
    // Neither noise nor one line over and over: packs about as real homes do.
    const all = [...contents.values()].join('');
    const packed = gzipSync(all).length / all.length;
    expect(packed).toBeGreaterThan(0.15);
    expect(packed).toBeLessThan(0.5);
  });
});

describe('editCorpus', () => {
  it('appends 200 KB to three transcripts, adds two files and changes settings.json, and nothing else', async () => {
    await writeCorpus(folder, 7, SIZE);
    const before = await contentsOf(folder);
    await editCorpus(folder, 9);
    const after = await contentsOf(folder);
    expect(after.size).toBe(before.size + 2);
    const changed = [...before.keys()].filter((name) => before.get(name) !== after.get(name));
    expect(changed.toSorted().map((name) => path.extname(name))).toEqual(['.jsonl', '.jsonl', '.jsonl', '.json']);
    for (const name of changed.filter((each) => each.endsWith('.jsonl'))) {
      expect(after.get(name)!.startsWith(before.get(name)!)).toBe(true);
      const appended = (await stat(path.join(folder, name))).size - Buffer.byteLength(before.get(name)!);
      expect(appended).toBeGreaterThanOrEqual(200_000);
      expect(appended).toBeLessThan(215_000);
    }
  });
});
