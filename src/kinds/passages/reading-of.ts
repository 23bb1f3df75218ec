import type { Item } from '../../core/item.ts';
import type { Passage } from '../../core/ports/text-index.ts';
import { classify } from '../classify/classify.ts';
import { FORMAT_RULES } from '../classify/default-rules.ts';
import { filePassages, isReadable } from '../claude-home/file-passages.ts';
import { sessionPassages } from '../claude-home/session-passages.ts';
import { memoryPassages } from '../claude-mem/memory-passages.ts';
import { tableOfName } from '../claude-mem/names.ts';
import { mnemePassages } from '../mneme/mneme-passages.ts';

/** How what can be found of an item is read out of its body. Pure. */
export type Reading = {
  /** Who counts as the writer of its passages: who wrote the item first, or who wrote it last. */
  readonly writer: 'first' | 'last';
} &
  /** `one`: it is one passage, or none. */
  (
    | {
        readonly type: 'one' | 'whole';
        /** Of larger bodies nothing is searched: they are data. Bytes. */
        readonly largest: number;
        readonly passages: (name: string, body: Uint8Array) => Passage[];
      }
    /** Whole lines at a time, which stand at `offset`: the body only grows. */
    | { readonly type: 'lines'; readonly passages: (name: string, lines: Uint8Array, offset: number) => Passage[] }
  );

const LARGEST = 4 * 1024 * 1024;
const MEMORY: Reading = { type: 'one', writer: 'first', largest: LARGEST, passages: memoryPassages };
const MNEME: Reading = { type: 'whole', writer: 'last', largest: LARGEST, passages: mnemePassages };
const SESSION: Reading = { type: 'lines', writer: 'first', passages: sessionPassages };
const FILE: Reading = { type: 'one', writer: 'last', largest: LARGEST, passages: filePassages };

/** By its kind, what is searched of an item; `null`: nothing. */
export function readingOf({ kind, name }: Item): Reading | null {
  switch (kind) {
    case 'claude-mem':
      return tableOfName(name) === 'tool-uses' ? null : MEMORY;
    case 'mneme-log':
    case 'mneme-remembered':
    case 'mneme-summary':
    case 'mneme-handoff':
      return MNEME;
    case 'transcript':
      return SESSION;
    case 'text':
    case 'folder':
      return classify(name, FORMAT_RULES) === 'text' && isReadable(name) ? FILE : null;
    default:
      return null;
  }
}
