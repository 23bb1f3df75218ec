import { describe, expect, it } from 'vitest';
import type { Content, Piece } from '../../core/content.ts';
import type { ContentDigest, ObjectId } from '../../core/ids.ts';
import { BodyUnavailable, type Workspace } from '../../core/replica/workspace.ts';
import type { FileTree } from '../../core/ports/files.ts';
import { createMemoryDisk } from '../files/memory-disk.ts';
import { createMemoryFiles } from '../files/memory-files.ts';
import { growsInPlace } from './grows-in-place.ts';
import type { TreeRules } from './rules.ts';
import { createTreeMemory } from './tree-memory.ts';

const ITEM = { kind: 'transcript', name: 'projects/p/a.jsonl' };
const MIB = 1024 * 1024;

/** A body in these parts, each an object of its own. */
function bodyOf(...parts: readonly string[]): { readonly content: Content; readonly text: string } {
  const pieces = parts.map((part): Piece => ({
    object: `${part.length} ${part.slice(0, 20)}` as ObjectId,
    keyId: 1,
    offset: 0,
    length: part.length,
  }));
  const text = parts.join('');
  return { content: { digest: text.slice(-20) as ContentDigest, size: text.length, attributes: {}, pieces }, text };
}

/** Whether the one goes on as the other, where `file` stands, and how many bytes were read to know it. */
async function grows(
  shown: ReturnType<typeof bodyOf>,
  next: ReturnType<typeof bodyOf>,
  { file = shown.text, isGone = false } = {},
): Promise<readonly [boolean, number]> {
  let read = 0;
  const counted = (text: string, offset = 0): Buffer => {
    read += text.length - offset;
    return Buffer.from(text.slice(offset));
  };
  const workspace = {
    read: (_item: unknown, _content: Content, offset?: number) =>
      isGone ? Promise.reject(new BodyUnavailable('offline', 'the hub is away')) : Promise.resolve(counted(next.text, offset)),
  } as Pick<Workspace, 'read'> as Workspace;
  const disk = createMemoryDisk({ now: () => 0 });
  disk.write(ITEM.name, Buffer.from(file));
  const there = createMemoryFiles({}, disk);
  const files: FileTree = {
    ...there,
    async read(path, offset) {
      counted(file, offset);
      return there.read(path, offset);
    },
  };
  const rules = { appends: () => true } as Pick<TreeRules, 'appends'> as TreeRules;
  const outstanding = { item: ITEM, content: next.content, shown: shown.content, local: null };
  return [await growsInPlace({ rules, workspace, files, memory: createTreeMemory() }, outstanding), read];
}

describe('what goes on', () => {
  const long = 'x'.repeat(5 * MIB);

  it('is known by its pieces, unread', async () => {
    expect(await grows(bodyOf(long, 'a'), bodyOf(long, 'a', 'b'))).toEqual([true, 0]);
  });

  it('is known by its end where small pieces were made one, and no more is read than that', async () => {
    expect(await grows(bodyOf(long, 'a', 'b'), bodyOf(long, 'abc'))).toEqual([true, 5]);
    expect(await grows(bodyOf('a', 'b'), bodyOf('abc'))).toEqual([true, 5]);
  });

  it('is something else where the ends differ', async () => {
    expect((await grows(bodyOf(long, 'a', 'b'), bodyOf(long, 'aXc')))[0]).toBe(false);
    expect((await grows(bodyOf(long, 'a'), bodyOf(long, 'b', 'c')))[0]).toBe(false);
  });

  it('is something else where the file is', async () => {
    expect((await grows(bodyOf(long, 'a', 'b'), bodyOf(long, 'abc'), { file: `${long}aX` }))[0]).toBe(false);
    expect((await grows(bodyOf(long, 'a', 'b'), bodyOf(long, 'abc'), { file: `${long}abX` }))[0]).toBe(false);
  });

  it('is not known where the ends cannot be had, or much lies in other pieces', async () => {
    expect(await grows(bodyOf(long, 'a', 'b'), bodyOf(long, 'abc'), { isGone: true })).toEqual([false, 2]);
    expect(await grows(bodyOf(long, 'a'), bodyOf(`${long}ab`))).toEqual([false, 0]);
  });
});
