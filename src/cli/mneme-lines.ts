import type { MnemeClientLine, MnemeStatus } from '../node/mneme/mneme-state.ts';
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

/** What claude-mneme on this machine does. */
export function saysClient({ installed, url, connected, problem }: MnemeClientLine, style: Style): string {
  if (url === null)
    return installed
      ? 'claude-mneme on this machine syncs with no server: Satchel carries its files by itself.'
      : 'claude-mneme has not run on this machine.';
  const where = `claude-mneme on this machine syncs with ${printable(url)}`;
  if (problem !== null)
    return style.yellow(
      `${where}, and cannot: ${printable(problem)}. Nothing carries its files. Run: satchel mneme connect, or satchel mneme disconnect`,
    );
  return connected === null ? `${where}, which Satchel did not write.` : `${where}${connected === 'here' ? ', this node' : ''}.`;
}
