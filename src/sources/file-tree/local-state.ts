import { sha256Hex } from '../../core/crypto/hash.ts';
import type { FileStat } from '../../core/ports/files.ts';
import type { Outstanding } from '../../core/replica/workspace.ts';
import type { TreeContext } from './context.ts';
import { growsInPlace } from './grows-in-place.ts';
import { attributesFrom, isExecutable, isLink, looksLike, parseNote } from './stat-note.ts';
import { diskPath } from './tree-memory.ts';

/** What stands where an item is to be put. */
export type LocalState =
  /** Exactly what the view shows: nothing is lost by writing over it. `stat: null`: nothing is there. */
  | { readonly type: 'as-shown'; readonly stat: FileStat | null }
  /** A file that differs: to be captured first. `body` where it is known. */
  | { readonly type: 'differs'; readonly stat: FileStat; readonly body: Uint8Array | null }
  /** What was shown is gone. */
  | { readonly type: 'gone' }
  | { readonly type: 'folder' }
  | { readonly type: 'blocked'; readonly reason: string };

/** Costs one stat where that settles it, else one read. */
export async function localState(context: TreeContext, outstanding: Outstanding): Promise<LocalState> {
  const { files } = context;
  const path = diskPath(context.memory, outstanding.item.name);
  const stat = files.stat(path);
  if (!stat.ok) {
    // A file or link where a folder is needed is looked at again once what is to be removed was removed.
    const nothing = stat.error.type === 'missing' || stat.error.type === 'in-the-way' || stat.error.type === 'outside';
    if (!nothing) return { type: 'blocked', reason: stat.error.message };
    return outstanding.shown === null ? { type: 'as-shown', stat: null } : { type: 'gone' };
  }
  if (stat.value.type === 'folder') return outstanding.shown === null ? { type: 'folder' } : { type: 'gone' };
  if (stat.value.type === 'other') return { type: 'blocked', reason: 'something that is neither a file nor a link is in its place' };
  const note = outstanding.shown === null ? null : parseNote(outstanding.local);
  const whole = note !== null && note.length === note.stat.size;
  const asShown = isLink(outstanding.shown?.attributes ?? {}) === (stat.value.type === 'link');
  // A write that its times may hide would be read below. Where the file is only extended, nothing of it can be lost.
  const sure = note !== null && (!note.unsettled || (await growsInPlace(context, outstanding)));
  if (note !== null && whole && asShown && sure && looksLike(note, stat.value)) return { type: 'as-shown', stat: stat.value };

  if (stat.value.type === 'link') {
    const target = files.readLink(path);
    if (!target.ok) return { type: 'differs', stat: stat.value, body: null };
    const same = asShown && note !== null && sha256Hex(target.value) === note.sha256;
    return same ? { type: 'as-shown', stat: stat.value } : { type: 'differs', stat: stat.value, body: Buffer.from(target.value) };
  }
  if (stat.value.size > context.limits.fileBytes) return { type: 'blocked', reason: 'a file too large to be carried is in its place' };
  const read = await files.read(path);
  if (!read.ok) {
    return read.error.type === 'changed'
      ? { type: 'differs', stat: stat.value, body: null }
      : { type: 'blocked', reason: read.error.message };
  }
  const { bytes } = read.value;
  const shownAttributes = outstanding.shown?.attributes ?? {};
  const sameMode = isExecutable(attributesFrom(shownAttributes, read.value.stat, files.keepsModes)) === isExecutable(shownAttributes);
  const same = asShown && note !== null && sameMode && bytes.length === note.length && sha256Hex(bytes) === note.sha256;
  return same ? { type: 'as-shown', stat: read.value.stat } : { type: 'differs', stat: read.value.stat, body: bytes };
}
