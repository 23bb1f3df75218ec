import { decodeRow, sameValue, type Row, type RowValue } from '../kinds/rows/row-body.ts';
import { unifiedDiff } from './unified-diff.ts';

const ENCODER = new TextEncoder();

/**
 * What differs between two rows of claude-mem's, column by column: `@@ title @@`, then its lines as in a unified diff. `null` for what is no
 * row. Foreign text: the caller makes it printable.
 */
export function rowDiff(sides: { readonly kind: string; readonly before: string | null; readonly after: string | null }): string[] | null {
  if (sides.kind !== 'claude-mem') return null;
  const [before, after] = [rowOf(sides.before), rowOf(sides.after)];
  if (before === null || after === null) return null;
  const columns = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return columns
    .filter((column) => !sameValue(before.get(column), after.get(column)))
    .flatMap((column) => {
      const lines = unifiedDiff(shown(before.get(column)), shown(after.get(column)));
      return [`@@ ${column} @@`, ...lines.filter((line) => !line.startsWith('@@ '))];
    });
}

function rowOf(text: string | null): Row | null {
  if (text === null) return new Map();
  const row = decodeRow(ENCODER.encode(text));
  return row.ok ? row.value : null;
}

/** Lists, which claude-mem keeps as JSON, line by line. */
function shown(value: RowValue | undefined): string {
  if (value === undefined) return '';
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value);
  return `${(listOf(text) ?? [text]).join('\n').replace(/\n$/, '')}\n`;
}

function listOf(text: string): string[] | null {
  if (!text.startsWith('[')) return null;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list.map((each) => `- ${typeof each === 'string' ? each : JSON.stringify(each)}`) : null;
  } catch {
    return null; // a text that begins so
  }
}
