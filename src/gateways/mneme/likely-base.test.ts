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

  it('is made from it where one entry is left that says when it was made', () => {
    const at = (second: number) => ({ ts: `2026-05-01T10:00:0${second}.000Z`, content: 'x' });
    const many = [1, 2, 3, 4, 5].map(at);
    const log = (entries: readonly unknown[]): Uint8Array => bytes(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    const list = (entries: readonly unknown[]): Uint8Array => bytes(JSON.stringify(entries, null, 2));
    for (const [file, form] of [
      ['log.jsonl', log],
      ['remembered.json', list],
    ] as const) {
      const sides = { before: form([at(0)]), offered: form([at(0), ...many]) };
      expect(isMadeFrom(file, { ...sides, ours: form([at(5), at(9)]) })).toBe(true);
      expect(isMadeFrom(file, { ...sides, ours: form([at(0), at(9)]) })).toBe(false);
      expect(isMadeFrom(file, { ...sides, ours: form([]) })).toBe(false);
    }
    // The same day or the same words say less.
    const decisions = (...days: number[]): Uint8Array =>
      bytes(JSON.stringify({ keyDecisions: days.map((day) => ({ date: `2026-05-0${day}` })) }));
    expect(isMadeFrom('summary.json', { before: null, offered: decisions(1, 2, 3, 4, 5), ours: decisions(5, 6) })).toBe(false);
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
