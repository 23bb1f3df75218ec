import { describe, expect, it } from 'vitest';
import type { Content, Piece } from '../../core/content.ts';
import type { ContentDigest, ObjectId } from '../../core/ids.ts';
import { BodyUnavailable, type Workspace } from '../../core/replica/workspace.ts';
import { growsInPlace } from './grows-in-place.ts';
import type { TreeRules } from './rules.ts';

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

async function grows(shown: ReturnType<typeof bodyOf>, next: ReturnType<typeof bodyOf>, gone = false): Promise<readonly [boolean, number]> {
  let read = 0;
  const workspace = {
    read(_item: unknown, content: Content, offset = 0) {
      if (gone) return Promise.reject(new BodyUnavailable('offline', 'the hub is away'));
      const bytes = Buffer.from((content === shown.content ? shown.text : next.text).slice(offset));
      read += bytes.length;
      return Promise.resolve(bytes);
    },
  } as Pick<Workspace, 'read'> as Workspace;
  const rules = { appends: () => true } as Pick<TreeRules, 'appends'> as TreeRules;
  return [await growsInPlace({ rules, workspace }, { item: ITEM, content: next.content, shown: shown.content, local: null }), read];
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

  it('is not known where the ends cannot be had, or much lies in other pieces', async () => {
    expect(await grows(bodyOf(long, 'a', 'b'), bodyOf(long, 'abc'), true)).toEqual([false, 0]);
    expect(await grows(bodyOf(long, 'a'), bodyOf(`${long}ab`))).toEqual([false, 0]);
  });
});
