import { itemKey } from '../../core/item.ts';
import type { Found, Workspace } from '../../core/replica/workspace.ts';
import { SESSION } from '../../kinds/claude-mem/tables.ts';
import { decodeRow, type Row } from '../../kinds/rows/row-body.ts';
import type { RowsOfSpace } from './rows-of-space.ts';

/** Which rows are the space's, where projects were chosen to go elsewhere. */
export interface BridgeScope {
  /** Before it is asked; `null`: all are. */
  refresh(): Promise<number | null>;
  judge(
    row: Row,
    session: Row | null,
  ): { readonly type: 'in' } | { readonly type: 'out'; readonly reason: string } | { readonly type: 'by-name' };
  judgeName(name: string, isShown: boolean): string | null;
  /** Stands for what was chosen: where it is another than before, rows may be judged otherwise. */
  readonly choices: string;
}

/** Before the reasons of what is not served because its project goes elsewhere. */
export const LEFT_OUT = 'left to another place: ';

/** Why a row is none of the space's; `null`: it is. */
export function leftOut(scope: BridgeScope, name: string, row: Row, session: Row | null): string | null {
  const verdict = scope.judge(row, session);
  return verdict.type === 'out' ? verdict.reason : verdict.type === 'in' ? null : scope.judgeName(name, false);
}

/** Those that the space may have. What goes is judged by what it was. */
export async function withoutLeftOut(found: readonly Found[], scope: BridgeScope, rows: RowsOfSpace): Promise<Found[]> {
  if ((await scope.refresh()) === null) return [...found];
  const here = new Map<string, Row>();
  for (const entry of found) {
    const row = entry.type === 'body' ? decodeRow(entry.body) : null;
    if (row?.ok === true) here.set(entry.item.name, row.value);
  }
  const free: Found[] = [];
  for (const entry of found) {
    const row = here.get(entry.item.name) ?? (await rows.row(entry.item.name)) ?? undefined;
    const session = row?.get(SESSION);
    const parent = typeof session === 'string' ? (here.get(session) ?? (await rows.row(session))) : null;
    if (row === undefined || leftOut(scope, entry.item.name, row, parent) === null) free.push(entry);
  }
  return free;
}

/** What was left out before is looked at again. */
export async function reopenLeftOut(workspace: Workspace): Promise<void> {
  const left = [...(await workspace.views()).values()].filter(({ notHere }) => notHere?.startsWith(LEFT_OUT) === true);
  if (left.length > 0) await workspace.applied(left.map(({ item }) => ({ item, content: null, local: null })));
}

/** Of what is found again, what was never captured; what goes again with it, too. */
export async function neverCaptured(workspace: Workspace): Promise<(found: readonly Found[]) => Found[]> {
  const known = new Set([...(await workspace.views()).values()].filter(({ shown }) => shown !== null).map(({ item }) => itemKey(item)));
  const taken = new Set<string>();
  return (found) =>
    found.filter((entry) => {
      const key = itemKey(entry.item);
      if (known.has(key) || (entry.type === 'absent' && !taken.has(key))) return false;
      taken.add(key);
      return true;
    });
}
