import type { Passage } from '../../core/ports/text-index.ts';
import { titleOf } from '../passages/title.ts';
import { readMemory } from './memory.ts';

/** A row is one passage. */
export function memoryPassages(name: string, body: Uint8Array): Passage[] {
  const memory = readMemory(name, body);
  if (memory === null) return [];
  const { type, subtitle, parts, facts, concepts, filesRead, filesChanged, project, session, time } = memory;
  const text = [subtitle, ...parts.map((part) => part.text), ...facts].filter((each) => each !== null).join('\n');
  return [
    {
      shelf: 'memories',
      ...{ type, project, session, time, text },
      // A prompt's own words, once; of the title of all others both are searched.
      title: memory.title === null ? '' : titleOf(memory.title),
      tags: [...concepts, ...filesRead, ...filesChanged].join('\n'),
      start: 0,
      length: body.length,
    },
  ];
}
