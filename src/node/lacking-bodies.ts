import type { OpenSpace } from './node.ts';

/** Items of a space that this machine cannot put in place, since their bodies are not here and the remote does not have them. */
export function lackingBodiesOf({ sources, rows }: Pick<OpenSpace, 'sources' | 'rows'>): number {
  return [...sources, ...rows].reduce((sum, { source }) => sum + source.waiting().filter(({ lacksBody }) => lacksBody === true).length, 0);
}
