import type { Passage } from '../../core/ports/text-index.ts';
import { parseProjectName } from './session-name.ts';
import { recordsWithPlaces } from './session-records.ts';
import { saidIn } from './transcript-text.ts';

/** Of what a tool gave so much is searched: the rest is data. */
const LONGEST_RESULT = 64 * 1024;

/**
 * What was said in whole lines of a transcript that stand at `offset` of its body: each thing that somebody said is one
 * passage. O(size).
 */
export function sessionPassages(name: string, lines: Uint8Array, offset: number): Passage[] {
  const parts = parseProjectName(name);
  const [project, session] = [parts?.folder ?? null, parts?.session ?? null];
  const passages: Passage[] = [];
  for (const { record, start, length } of recordsWithPlaces(lines)) {
    const time = typeof record['timestamp'] === 'string' ? Date.parse(record['timestamp']) : NaN;
    for (const { by, text } of saidIn(record)) {
      if (text.trim() === '') continue;
      passages.push({
        shelf: 'sessions',
        type: by,
        ...{ project, session, length },
        time: Number.isNaN(time) ? null : time,
        title: '',
        start: offset + start,
        text: by === 'tool result' ? text.slice(0, LONGEST_RESULT) : text,
        tags: '',
      });
    }
  }
  return passages;
}
