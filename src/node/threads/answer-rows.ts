import { claudeMemProfile } from '../../sources/claude-mem/claude-mem-profile.ts';
import { createRowReader, type RowReader } from '../../sources/sqlite-rows/row-reader.ts';
import { createRowWriter, type RowWriter } from '../../sources/sqlite-rows/row-writer.ts';
import { createSystemClock } from '../system.ts';
import type { AnswerOf, TaskOf } from './tasks.ts';

/** The writer that this thread was started for. */
let writer: RowWriter | null = null;
/** The same. */
let reader: RowReader | null = null;

export async function answerPages(task: TaskOf<'pages'>): Promise<AnswerOf<'pages'>> {
  if (task.step === 'begin') {
    reader = createRowReader(task.start, { profile: claudeMemProfile(task.carried), clock: createSystemClock() });
    return null;
  }
  if (reader === null) throw new Error('nobody began to read');
  if (task.step === 'next') return reader.next(task.table);
  await reader.end();
  reader = null;
  return null;
}

export async function answerRows(task: TaskOf<'rows'>): Promise<AnswerOf<'rows'>> {
  if (task.step === 'begin') {
    writer = createRowWriter(task.start, { profile: claudeMemProfile(task.carried), clock: createSystemClock() });
    return null;
  }
  if (writer === null) throw new Error('nobody began to write');
  if (task.step === 'write') {
    let offset = 0;
    const bodyOf = (length: number | null): Uint8Array | null => (length === null ? null : task.bytes.subarray(offset, (offset += length)));
    return writer.write(task.tasks.map(({ length, ...row }) => ({ ...row, body: bodyOf(length) })));
  }
  if (task.step === 'version') return writer.version();
  await writer.end();
  writer = null;
  return null;
}
