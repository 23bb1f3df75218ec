import type { Passage } from '../../core/ports/text-index.ts';
import { titleOf } from '../passages/title.ts';
import { readText } from '../read-text.ts';
import { locate } from './locate.ts';
import { parseProjectName } from './session-name.ts';

/** What comes from elsewhere, in thousands. */
const NOT_ONES_OWN = 'plugins';

/** Whether a file is one that people or agents write to be read again. O(name). */
export function isReadable(name: string): boolean {
  return categoryOf(name) !== NOT_ONES_OWN;
}

/** A text file is one passage, of the category that it belongs to in the Claude home. */
export function filePassages(name: string, body: Uint8Array): Passage[] {
  const text = readText(body);
  if (text === null || text.trim() === '') return [];
  return [
    {
      shelf: 'files',
      type: categoryOf(name) ?? 'file',
      project: parseProjectName(name)?.folder ?? null,
      session: null,
      time: null,
      title: titleOf(name),
      start: 0,
      length: body.length,
      text,
      tags: '',
    },
  ];
}

function categoryOf(name: string): string | null {
  const located = locate(name);
  return located.type === 'carried' ? located.row.category : null;
}
