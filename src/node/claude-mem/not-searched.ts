import { readSyncPath } from './sync-path.ts';
import { PERSONAL_USER } from './personal-user.ts';
import { memDatabase } from './mem-rows.ts';
import type { SatchelNode } from '../node.ts';

/** Which of this machine's memories no search finds, since they are in no space (of a person's own machine behind an address they are); a line each. */
export async function memoriesNotSearched(node: SatchelNode): Promise<string[]> {
  if (node.config.hub || memDatabase(node.config) === null) return [];
  const lines: string[] = [];
  const local = node.memRows.choices.filter(({ space }) => space === null).map(({ project }) => project);
  if (local.length > 0)
    lines.push(`Not searched: memories of projects that stay on this machine (${local.join(', ')}). claude-mem’s own search has them`);
  const way = await readSyncPath(node.home, node.config.environment.claudeMemHome);
  if (way.type === 'gateway' && URL.canParse(way.url))
    lines.push(
      `Not searched: memories that claude-mem keeps at ${new URL(way.url).host} as ${way.user}${way.user === PERSONAL_USER ? ', where that is a hub' : ''}: they are in no space`,
    );
  return lines;
}
