import { describe, expect, it } from 'vitest';
import { createStyle, formatBytes, formatDuration, printable } from './output-style.ts';
import { renderTable, textWidth } from './output-table.ts';

describe('renderTable', () => {
  it('aligns by what a terminal shows, not by the length of the text', () => {
    const style = createStyle(true);
    const table = renderTable(
      [{ title: 'NAME' }, { title: 'SIZE', align: 'right' }, { title: 'STATE' }],
      [
        ['日本', 5, 'ok'],
        [{ text: 'a', style: style.red }, 1234, ''],
        ['é', 1, 'x'],
      ],
      (text) => text,
    );
    expect(table.split('\n')).toEqual(['NAME  SIZE  STATE', '日本     5  ok', '\u001b[31ma\u001b[39m     1234', 'é        1  x']);
  });

  it('makes foreign text harmless', () => {
    expect(renderTable([{ title: 'N' }], [['\u001b[2Jx\ny\u202e']], (text) => text)).toBe('N\n\\u001b[2Jx\\u000ay\\u202e');
    expect(printable('Grüße, 日本 👋\t!')).toBe('Grüße, 日本 👋 !');
  });

  it('measures', () => {
    expect([textWidth('abc'), textWidth('日本'), textWidth('e\u0301'), textWidth('👋')]).toEqual([3, 4, 1, 2]);
  });
});

describe('formats', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 KB'],
    [9949, '9.9 KB'],
    [9960, '10 KB'],
    [999_499, '999 KB'],
    [999_501, '1.0 MB'],
    [151e6, '151 MB'],
    [2e15, '2000 TB'],
  ])('%d bytes → %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [12.3, '12 ms'],
    [2400, '2.4 s'],
    [9960, '10 s'],
    [65_000, '1 min 5 s'],
    [3_600_000, '1 h'],
    [12_000_000, '3 h 20 min'],
    [180_000_000, '2 d 2 h'],
  ])('%d ms → %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});
