import { IndexDamaged, type TextIndex } from '../../core/ports/text-index.ts';
import { isDiskFull } from '../disk-full.ts';
import { openTextIndex } from '../../store/text-index/sqlite-text-index.ts';
import type { AnswerOf, TaskOf } from './tasks.ts';

/** The index that this thread was started for. */
let index: TextIndex | null = null;

export async function answerIndex(task: TaskOf<'index'>): Promise<AnswerOf<'index'>> {
  try {
    return { value: await answer(task) };
  } catch (error) {
    // What an error is does not come through to the other side.
    if (error instanceof IndexDamaged) return { damaged: error.message };
    if (isDiskFull(error)) return { full: (error as Error).message };
    throw error;
  }
}

async function answer(task: TaskOf<'index'>): Promise<unknown> {
  if (task.step === 'open') {
    index = openTextIndex(task.file);
    return null;
  }
  if (index === null) throw new Error('nobody opened the index');
  return (index[task.step] as (...given: readonly unknown[]) => Promise<unknown>)(...task.given);
}
