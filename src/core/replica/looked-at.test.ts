import { describe, expect, it } from 'vitest';
import type { Content } from '../content.ts';
import type { ContentDigest } from '../ids.ts';
import { itemKey, type Item } from '../item.ts';
import type { View } from '../ports/store.ts';
import { createLookedAt, type LookedAt } from './looked-at.ts';

const PART = 'views of me';
const item = (name: string): Item => ({ kind: 'text', name });
const content = (digest: string): Content => ({ digest: digest as ContentDigest, size: 1, attributes: {}, pieces: [] });
const view = (name: string, shown: Content | null, local: string | null): View => ({
  ...{ item: item(name), shown, local },
  ...{ intended: null, notHere: null },
});

describe('what was looked at', () => {
  let writes = 0;
  const start = (): LookedAt => {
    writes = 0;
    const looked = createLookedAt({ writes: () => writes }, PART);
    for (const name of ['a', 'b'])
      looked.keep({ outstanding: { item: item(name), content: content(`new ${name}`), shown: null, local: null } });
    return looked;
  };
  const isThere = (looked: LookedAt, name: string): boolean => looked.get(itemKey(item(name))) !== undefined;

  it('stays behind writes of the writer itself, and goes with those of others', async () => {
    const looked = start();
    await looked.writing(() => Promise.resolve((writes += 1)));
    expect(isThere(looked, 'a')).toBe(true);
    writes += 1;
    expect(isThere(looked, 'a')).toBe(false);
  });

  it('goes where others wrote meanwhile, or nobody knows what was written', async () => {
    const looked = start();
    await looked.writing(() => Promise.resolve((writes += 2)));
    expect(isThere(looked, 'a')).toBe(false);
    const again = start();
    await expect(again.writing(() => Promise.reject(new Error('full')))).rejects.toThrow('full');
    expect(isThere(again, 'a')).toBe(false);
  });

  it('goes with one item that changed', () => {
    const looked = start();
    looked.drop(item('a'));
    expect([isThere(looked, 'a'), isThere(looked, 'b')]).toEqual([false, true]);
    expect(looked.all([item('a'), item('b')])).toBe(null);
  });

  it('knows the view that was written, and lets go of what is in place', () => {
    const looked = start();
    expect(looked.all([item('a')])?.size).toBe(0);
    const intended = { ...view('a', null, 'note'), intended: { content: content('new a') } };
    looked.wrote(intended);
    expect(looked.get(itemKey(item('a')))?.outstanding.local).toBe('note');
    expect([...(looked.all([item('a')])?.values() ?? [])]).toEqual([intended]);
    looked.wrote(view('a', content('new a'), 'note'));
    looked.wrote({ ...view('b', null, null), notHere: 'too long' });
    expect([isThere(looked, 'a'), isThere(looked, 'b')]).toEqual([false, false]);
  });

  it('keeps nothing where the store does not count', () => {
    const looked = createLookedAt({}, PART);
    looked.keep({ outstanding: { item: item('a'), content: null, shown: null, local: null } });
    expect(isThere(looked, 'a')).toBe(false);
  });
});
