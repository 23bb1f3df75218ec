import { describe, expect, it } from 'vitest';
import { createNodeNews, type NodeState } from './node-news.ts';

const personal = (...names: string[]) => ({
  space: 's',
  name: 'personal',
  machines: new Map(names.map((name) => [`id of ${name}`, name])),
});
const state = (over: Partial<NodeState> = {}): NodeState => ({ spaces: [personal('ana')], conflicts: 0, pending: 0, ...over });

describe('what a node says while it runs', () => {
  it('is nothing of what was so when it started, nor of what is gone', () => {
    const tell = createNodeNews(state({ conflicts: 2, pending: 1 }));
    expect(tell(state({ conflicts: 2, pending: 1 }), 0)).toEqual([]);
    expect(tell(state({ spaces: [] }), 1)).toEqual([]);
    expect(tell(state({ conflicts: 1 }), 2)).toEqual(['1 conflict came up. See: satchel conflicts']);
  });

  it('names who joined, and not the members of a space that came with them', () => {
    const tell = createNodeNews(state());
    expect(tell(state({ spaces: [personal('ana', 'bea'), { space: 't', name: 'team', machines: new Map([['x', 'dan']]) }] }), 0)).toEqual([
      'bea joined personal. See: satchel machines',
    ]);
    expect(tell(state({ spaces: [personal('ana', 'bea')] }), 100_000)).toEqual([]);
  });

  it('is a line a kind and minute at most: what came meanwhile is said then', () => {
    const tell = createNodeNews(state());
    expect(tell(state({ conflicts: 1, pending: 1, spaces: [personal('ana', 'bea')] }), 0)).toHaveLength(3);
    const later = state({ conflicts: 3, pending: 4, spaces: [personal('ana', 'bea', 'cem', 'dan')] });
    expect(tell(later, 59_999)).toEqual([]);
    expect(tell(later, 60_000)).toEqual([
      'cem, dan joined personal. See: satchel machines',
      '2 conflicts came up. See: satchel conflicts',
      '4 things wait for your answer. Run: satchel pending',
    ]);
    expect(tell(later, 200_000)).toEqual([]);
  });
});
