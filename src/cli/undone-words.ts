import type { Undone } from '../node/settings-note.ts';
import { printable } from './output-style.ts';

/** What became of another program's settings when a connection was undone: a sentence or two, of which the first may follow a colon. */
export function undoneWords({ file, left, kept }: Undone): string {
  const where = printable(file);
  const before = kept === null ? '' : ` Its settings as they were before are kept in ${printable(kept)}.`;
  if (left.length > 0) return `${left.map(printable).join(', ')} in ${where}, changed since, stays; the rest is taken back.${before}`;
  return kept === null ? `its settings in ${where} are as they were.` : `${where} was not put back, since it changed.${before}`;
}
