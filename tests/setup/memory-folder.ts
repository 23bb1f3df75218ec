import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { freemem } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A folder of this run alone that is in memory, or `null` where there is none. */
    readonly memory: string | null;
  }
}

/** Where Linux has files in memory: for what is shared by processes, such as PostgreSQL’s. Containers have 64 MB of it. */
const SHARED_MEMORY = '/dev/shm';
const TMPFS = 0x0102_1994;
/** Bytes. All tests at once need a few hundred megabytes; the programs that they run need the memory as well. */
const ROOM = 2 * 1024 ** 3;
const FREE_MEMORY = 4 * 1024 ** 3;
const NAME = /^satchel-tests-(\d+)-/;

/** Gives the tests a folder in memory where the machine has room for it (tests/setup/temporary-folder.ts), and nobody named another. */
export function setup(project: TestProject): () => void {
  const memory = process.env['TMPDIR'] === undefined && isRoomy() ? makeFolder() : null;
  project.provide('memory', memory);
  return () => {
    if (memory !== null) rmSync(memory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
}

function isRoomy(): boolean {
  try {
    const { type, bavail, bsize } = statfsSync(SHARED_MEMORY);
    return type === TMPFS && bavail * bsize >= ROOM && freemem() >= FREE_MEMORY && mayRunPrograms();
  } catch {
    return false; // no such folder: not Linux
  }
}

/** Tests write programs and run them. */
function mayRunPrograms(): boolean {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const options = mounts.map((line) => line.split(' ')).findLast(([, place]) => place === SHARED_MEMORY)?.[3];
  return options !== undefined && !options.split(',').includes('noexec');
}

function makeFolder(): string {
  // What a run that was killed left behind takes memory until somebody removes it.
  for (const name of readdirSync(SHARED_MEMORY)) {
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && !isThere(Number(pid))) rmSync(path.join(SHARED_MEMORY, name), { recursive: true, force: true });
  }
  const folder = mkdtempSync(path.join(SHARED_MEMORY, `satchel-tests-${process.pid}-`));
  chmodSync(folder, 0o711); // servers that refuse to run as root run as another user
  return folder;
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
