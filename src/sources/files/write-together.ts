import { closeSync, fstatSync, fsyncSync, openSync, writeSync } from 'node:fs';
import type { FileProblem, FileStat, WriteOptions } from '../../core/ports/files.ts';
import { ok, type Result } from '../../core/result.ts';
import { locate } from './node-place.ts';
import { dress, giveUp, moveIntoPlace, openNew, temporaryBeside, writeTreeFile, type Beside, type Writing } from './node-write.ts';
import type { SyncTogether } from './sync-together.ts';

export interface TreeWrite {
  readonly path: string;
  readonly body: Uint8Array;
  readonly options: WriteOptions;
}

/**
 * As `writeTreeFile` does for each, and where the disk can make all of them durable at once, then at once: every temporary file
 * is written, all are synced, and all take their places. Blocks the thread while it writes. Cost: of many small files a
 * quarter of an fsync for each.
 */
export async function writeTogether(
  on: Writing,
  writes: readonly TreeWrite[],
  disk: SyncTogether,
): Promise<readonly Result<FileStat, FileProblem>[]> {
  if (!disk.isWorth(on.place.root, writes.length)) {
    return Promise.all(writes.map(({ path, body, options }) => writeTreeFile(on, path, body, options)));
  }
  const devices = new Map<bigint, string>();
  const made = writes.map((write) => writeBeside(on, write, devices));
  const temporaries = made.flatMap((each) => (each.ok ? [each.value.temporary] : []));
  const isDurable = await disk.sync([...devices.values()], temporaries.length);
  return made.map((each) => {
    if (!each.ok) return each;
    const synced = isDurable ? ok(null) : syncOne(each.value);
    return synced.ok ? moveIntoPlace(on, each.value) : synced;
  });
}

/** The file beside its place, not durable yet. `devices`: of each file system that was written to, one new file. */
function writeBeside(on: Writing, { path, body, options }: TreeWrite, devices: Map<bigint, string>): Result<Beside, FileProblem> {
  const real = locate(on.place, path);
  if (!real.ok) return real;
  const beside = { path, real: real.value, temporary: temporaryBeside(on, path, real.value), expected: options.expected };
  try {
    const fd = openNew(beside.temporary);
    try {
      for (let done = 0; done < body.length;) done += writeSync(fd, body, done, body.length - done);
      dress(fd, options);
      devices.set(fstatSync(fd, { bigint: true }).dev, beside.temporary);
    } finally {
      closeSync(fd);
    }
    return ok(beside);
  } catch (error) {
    return { ok: false, error: giveUp(beside, error) };
  }
}

function syncOne(beside: Beside): Result<null, FileProblem> {
  try {
    const fd = openSync(beside.temporary, 'r+');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return ok(null);
  } catch (error) {
    return { ok: false, error: giveUp(beside, error) };
  }
}
