import { printable } from './output-style.ts';

/** A cell: foreign text, made printable; or text with a style that is laid on after the widths were measured. */
export type Cell = string | number | { readonly text: string; readonly style: (text: string) => string };

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Lines of a table: titles, then rows, two blanks between columns, nothing behind the last. O(cells). */
export function renderTable(columns: readonly Column[], rows: readonly (readonly Cell[])[], title: (text: string) => string): string {
  const lines = [columns.map((column) => ({ text: column.title, style: title })), ...rows];
  const texts = lines.map((line) => line.map((cell) => printable(typeof cell === 'object' ? cell.text : String(cell))));
  const widths = columns.map((_, index) => Math.max(...texts.map((line) => textWidth(line[index] ?? ''))));
  return lines
    .map((line, row) =>
      columns
        .map((column, index) => {
          const text = texts[row]![index] ?? '';
          const cell = line[index];
          const styled = typeof cell === 'object' ? cell.style(text) : text;
          const gap = ' '.repeat(widths[index]! - textWidth(text));
          if (column.align === 'right') return gap + styled;
          return index === columns.length - 1 ? styled : styled + gap;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Columns that the text takes on a terminal: none for combining marks, two for CJK and emoji. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{Mn}|\p{Me}|\u200d|\ufe0f/u.test(character)) continue;
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
      character,
    )
      ? 2
      : 1;
  }
  return width;
}
