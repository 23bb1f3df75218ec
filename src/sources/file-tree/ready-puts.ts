import type { Content } from '../../core/content.ts';
import { equalBytes, sha256Hex } from '../../core/crypto/hash.ts';
import { BodyUnavailable, isLacking, type Outstanding } from '../../core/replica/workspace.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { TreeContext } from './context.ts';
import { growsInPlace, sameAttributes } from './grows-in-place.ts';
import { staysInside } from './link-target.ts';
import type { LocalState } from './local-state.ts';
import type { ReadyPut } from './put-in-place.ts';
import { isLink, parseNote } from './stat-note.ts';

export type PutOutstanding = Outstanding & { readonly content: Content };

export type Unready =
  /** The file holds something that was not captured. */
  | { readonly type: 'capture-first' }
  | { readonly type: 'not-here'; readonly reason: string }
  | { readonly type: 'wait'; readonly reason: string; readonly lacksBody?: boolean };

/** Reads what an item needs and decides how it goes in place. Never ready where uncaptured bytes would be lost. */
export async function readyPut(context: TreeContext, outstanding: PutOutstanding, state: LocalState): Promise<Result<ReadyPut, Unready>> {
  if (state.type === 'blocked') return fail({ type: 'wait', reason: state.reason });
  if (state.type === 'gone') return fail({ type: 'capture-first' });
  if (state.type === 'differs' && !mayContinue(context, outstanding, state)) return fail({ type: 'capture-first' });
  try {
    const ready = await readPiece(context, outstanding, state);
    if (ready === null) return fail({ type: 'capture-first' });
    const target = isLink(outstanding.content.attributes) ? Buffer.from(ready.piece).toString() : null;
    if (target !== null && !staysInside(outstanding.item.name, target)) {
      return fail({ type: 'not-here', reason: 'is a link that leads out of the folder' });
    }
    return ok(ready);
  } catch (error) {
    if (error instanceof BodyUnavailable) return fail({ type: 'wait', reason: error.message, lacksBody: isLacking(error) });
    throw error;
  }
}

/** A growing file may hold the beginning of what is to come: an apply that was interrupted, or the same lines. */
function mayContinue(context: TreeContext, outstanding: PutOutstanding, state: LocalState & { type: 'differs' }): boolean {
  return context.rules.appends(outstanding.item.kind) && state.body !== null && !isLink(outstanding.content.attributes);
}

async function readPiece(
  context: TreeContext,
  outstanding: PutOutstanding,
  state: LocalState & { type: 'as-shown' | 'differs' | 'folder' },
): Promise<ReadyPut | null> {
  const { content, shown } = outstanding;
  const { workspace, rules } = context;
  const stat = state.type === 'folder' ? null : state.stat;
  const folderGivesWay = state.type === 'folder';
  if (state.type === 'differs') {
    const body = await workspace.read(outstanding.item, content);
    if (state.body === null || !startsWith(body, state.body) || shown === null || !sameAttributes(shown, content)) return null;
    return body.length === state.body.length
      ? { outstanding, stat, folderGivesWay, piece: body, way: 'keep' }
      : { outstanding, stat, folderGivesWay, piece: body.subarray(state.body.length), way: 'extend' };
  }
  const grows = rules.appends(outstanding.item.kind) && shown !== null && stat?.type === 'file' && stat.size === shown.size;
  if (!grows || content.size <= shown.size || !sameAttributes(shown, content)) {
    return { outstanding, stat, folderGivesWay, piece: await workspace.read(outstanding.item, content), way: 'write' };
  }
  if (await growsInPlace(context, outstanding)) {
    return { outstanding, stat, folderGivesWay, piece: await workspace.read(outstanding.item, content, shown.size), way: 'extend' };
  }
  const body = await workspace.read(outstanding.item, content);
  const continues = sha256Hex(body.subarray(0, shown.size)) === parseNote(outstanding.local)?.sha256;
  return { outstanding, stat, folderGivesWay, piece: continues ? body.subarray(shown.size) : body, way: continues ? 'extend' : 'write' };
}

function startsWith(body: Uint8Array, start: Uint8Array): boolean {
  return equalBytes(body.subarray(0, start.length), start);
}
