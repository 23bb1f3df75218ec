import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { RowKind } from '../../gateways/claude-mem/payload.ts';
import { rowId } from '../../gateways/claude-mem/schema.ts';
import { readPullState } from '../../sources/claude-mem-health/pull-state.ts';
import type { Ailment } from '../../sources/claude-mem-health/ailment.ts';

/** Of the end of its log. */
const BYTES = 262_144;
/** It tries that page once more, as of another hub. */
const STARTED = /\[CLOUD_SYNC\] Cloud sync active/;
const WEDGED = /Pull wedged: .*\{cursor=(\d+),/;
const OTHERWISE = /kind=(observation|summary|prompt) origin=(.+)\/(\d+): same entity revision has a different/;
const WHY_LENGTH = 200;

/**
 * What claude-mem itself says, since it started, of a page that it cannot take in, where it stands there still. For hubs that are not asked: those can
 * say which states it is. `isAsked`: it was, and holds nothing otherwise. `null` for nothing. Reads the end of its log, and O(rows that were served)
 * where that says so.
 */
export async function findWedgeInLog(folder: string, file: string, isAsked: boolean): Promise<Ailment | null> {
  const lines = (await endOfLog(path.join(folder, 'logs'))).split('\n');
  const last = lines.slice(lines.findLastIndex((line) => STARTED.test(line)) + 1).findLast((line) => WEDGED.test(line));
  const state = last === undefined ? null : readPullState(file);
  if (state === null || last === undefined || Number(WEDGED.exec(last)?.[1]) !== state.cursor) return null;
  const why = last.slice(last.indexOf('}') + 1).trim();
  const [, kind, device = '', local = ''] = OTHERWISE.exec(why) ?? [];
  // It was repaired since; its worker did not start again yet.
  if (kind !== undefined && (isAsked || !state.heads.has(rowId(kind as RowKind, device, local)))) return null;
  return {
    id: 'wedged',
    result: 'fail',
    severity: 'high',
    reason: 'claude-mem takes in nothing more that other machines made: it cannot take in the page that it is served next',
    evidence: [`its log: ${why.slice(0, WHY_LENGTH)}`],
    would: [],
    advice:
      isAsked || kind === undefined
        ? 'Its worker tries again when it starts; if that does not help, what its hub serves is for whoever runs that'
        : 'Stop its worker (npx claude-mem stop); then: satchel claude-mem repair wedged',
    repair: null,
  };
}

/** Of the newest log; nothing where there is none, or none that can be read. */
async function endOfLog(folder: string): Promise<string> {
  try {
    const newest = (await readdir(folder))
      .filter((name) => /^claude-mem-.*\.log$/.test(name))
      .toSorted()
      .at(-1);
    if (newest === undefined) return '';
    const handle = await open(path.join(folder, newest), 'r');
    try {
      const { size } = await handle.stat();
      const length = Math.min(size, BYTES);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.subarray(0, bytesRead).toString();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code === 'string') return '';
    throw error;
  }
}
