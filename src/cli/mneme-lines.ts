import type { MnemeStatus } from '../node/operations/mneme.ts';
import { printable, type Style } from './output-style.ts';
import { renderTable } from './output-table.ts';

export function saysWhere({ enabled, listening, url, problem }: MnemeStatus): string {
  if (!enabled) return 'mneme is not served.';
  if (problem !== null) return `mneme is not served: ${printable(problem)}`;
  return listening ? `Serving mneme at ${url}` : `mneme is served at ${url} once the node runs: satchel up`;
}

/** Who gets in. Of tokens everything but themselves. */
export function saysWho({ enabled, keys, tokens }: MnemeStatus, style: Style): string[] {
  const lines: string[] = [];
  if (enabled && keys === 'none') lines.push('Everybody on this machine is let in: "apiKeys" is [].');
  if (enabled && keys === 'file') lines.push('Keys that stand in the configuration file open all projects.');
  if (tokens.length === 0) return lines;
  const columns = [{ title: 'TOKEN' }, { title: 'FOR' }, { title: 'PROJECTS' }];
  const rows = tokens.map(({ id, name, projects }) => [id, name, projects === null ? 'all' : projects.join(', ')]);
  return [...lines, renderTable(columns, rows, style.dim)];
}
