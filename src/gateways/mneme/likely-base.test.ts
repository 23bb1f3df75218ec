import { describe, expect, it } from 'vitest';
import { isMadeFrom } from './likely-base.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const lines = (...entries: string[]): Uint8Array => bytes(entries.map((entry) => `${JSON.stringify({ content: entry })}\n`).join(''));
const facts = (...entries: string[]): Uint8Array => bytes(JSON.stringify(entries.map((content) => ({ content }))));

describe('what a client pushes', () => {
  it('is made from what it was offered where it holds what was new in it', () => {
    const before = lines('a');
    const offered = lines('a', 'b', 'c');
    expect(isMadeFrom('log.jsonl', { before, offered, ours: lines('a', 'b', 'c', 'd') })).toBe(true);
    expect(isMadeFrom('log.jsonl', { before, offered, ours: lines('b', 'c') })).toBe(true);
    expect(isMadeFrom('log.jsonl', { before, offered, ours: lines('a', 'd') })).toBe(false);
    expect(isMadeFrom('log.jsonl', { before: null, offered, ours: lines('d') })).toBe(false);
    expect(isMadeFrom('log.jsonl', { before, offered: before, ours: lines('a', 'b') })).toBe(false);
  });

  it('is compared by entry, not by bytes', () => {
    const offered = bytes(JSON.stringify([{ content: 'a' }, { content: 'b' }], null, 2));
    expect(isMadeFrom('remembered.json', { before: facts('a'), offered, ours: facts('b', 'a', 'c') })).toBe(true);
    const seen = (contexts: Record<string, string[]>): Uint8Array =>
      bytes(
        JSON.stringify({
          files: Object.fromEntries(Object.entries(contexts).map(([name, list]) => [name, { mentions: list.length, contexts: list }])),
          lastUpdated: contexts,
        }),
      );
    const sides = { before: seen({ a: ['1'] }), offered: seen({ a: ['1', '2'], b: ['3'] }) };
    expect(isMadeFrom('entities.json', { ...sides, ours: seen({ a: ['1', '2', '4'], b: ['3', '5'] }) })).toBe(true);
    // It touched the same files on its own.
    expect(isMadeFrom('entities.json', { ...sides, ours: seen({ a: ['1', '4'], b: ['5'] }) })).toBe(false);
  });

  it('may be anything', () => {
    for (const ours of ['', '{', 'null', '7', '"x"', '[[[]]]', '\u0000'])
      expect(isMadeFrom('summary.json', { before: bytes('{'), offered: bytes('{"a":1}'), ours: bytes(ours) })).toBe(false);
  });
});
