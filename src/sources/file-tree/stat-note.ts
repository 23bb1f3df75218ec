import type { FileStat } from '../../core/ports/files.ts';
import type { Attributes } from '../../core/content.ts';

/** A source's note on a view: how the file looked when its content was last known to be what the view shows. */
export interface StatNote {
  readonly stat: Omit<FileStat, 'type'>;
  /** SHA-256 (hex) over the first `length` bytes of the file: the body that the view shows. */
  readonly sha256: string;
  /** Less than `stat.size` where a torn last line was held back. */
  readonly length: number;
  /** The stat alone does not prove it: the file must be read again next time. */
  readonly unsettled: boolean;
}

export function encodeNote(note: StatNote): string {
  const { size, mtimeNs, ctimeNs, ino, mode } = note.stat;
  return JSON.stringify([1, size, `${mtimeNs}`, `${ctimeNs}`, `${ino}`, mode, note.length, note.sha256, note.unsettled ? 1 : 0]);
}

/** `null` for what is not a note of this version: the file is read then. */
export function parseNote(local: string | null): StatNote | null {
  if (local === null) return null;
  try {
    const fields: unknown = JSON.parse(local);
    if (!Array.isArray(fields) || fields.length !== 9 || fields[0] !== 1) return null;
    const [, size, mtimeNs, ctimeNs, ino, mode, length, sha256, unsettled] = fields as unknown[];
    if (![size, mode, length, unsettled].every((value) => Number.isSafeInteger(value))) return null;
    if (![mtimeNs, ctimeNs, ino].every((value) => typeof value === 'string' && /^-?\d+$/.test(value))) return null;
    if (typeof sha256 !== 'string') return null;
    return {
      stat: {
        size: size as number,
        mtimeNs: BigInt(mtimeNs as string),
        ctimeNs: BigInt(ctimeNs as string),
        ino: BigInt(ino as string),
        mode: mode as number,
      },
      length: length as number,
      sha256,
      unsettled: unsettled === 1,
    };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The file looks exactly as it did. */
export function looksLike(note: StatNote, stat: FileStat): boolean {
  const { size, mtimeNs, ctimeNs, ino, mode } = note.stat;
  return size === stat.size && mtimeNs === stat.mtimeNs && ctimeNs === stat.ctimeNs && ino === stat.ino && mode === stat.mode;
}

/**
 * Written so shortly before it was read (or in the future) that another write could hide behind the same times. Not so
 * where the inode changed after the content did, as a rename does it: any later write gives it a later time.
 */
export function isRacy(stat: FileStat, readAt: number, racyMs: number): boolean {
  if (stat.mtimeNs < stat.ctimeNs) return false;
  return Number(stat.mtimeNs / 1_000_000n) > readAt - racyMs;
}

export function isExecutable(attributes: Attributes): boolean {
  return typeof attributes['mode'] === 'number' && (attributes['mode'] & 0o100) !== 0;
}

export function isLink(attributes: Attributes): boolean {
  return attributes['link'] === true;
}

/** What the disk says about a file, and what only the space knows of it, kept. */
export function attributesFrom(shown: Attributes, stat: FileStat, keepsModes: boolean): Attributes {
  const { mode, link: _link, ...others } = shown;
  if (stat.type === 'link') return { ...others, link: true };
  if (!keepsModes) return mode === undefined ? others : { ...others, mode };
  return (stat.mode & 0o100) === 0 ? others : { ...others, mode: 0o755 };
}
