import { readdir, readFile, writeFile } from 'node:fs/promises';

/** User and system time so far of processes and all below them, those that ended included, in seconds, from /proc; null where there is no such thing. */
export async function cpuSecondsOf(roots: readonly number[]): Promise<number | null> {
  let ticks = 0;
  const pids = [...roots];
  for (let pid = pids.pop(); pid !== undefined; pid = pids.pop()) {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    const threads = await readdir(`/proc/${pid}/task`).catch(() => null);
    if (text === null || threads === null) return null;
    // Each thread lists the children that it started.
    const lists = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')));
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // Its own, and of those that it waited for.
    for (const field of fields.slice(11, 15)) ticks += Number(field);
    pids.push(...lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number)));
  }
  // Linux shows a hundred ticks a second to programs, whatever it uses inside.
  return ticks / 100;
}

/** Resident memory of one process in MB (10^6 bytes); null where there is no /proc. */
export function residentMegabytes(pid: number): Promise<number | null> {
  return megabytesIn(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m);
}

/** The most that was resident of one process since this was asked last, or since it began. */
export async function peakMegabytes(pid: number): Promise<number | null> {
  const peak = await megabytesIn(`/proc/${pid}/status`, /^VmHWM:\s+(\d+) kB$/m);
  await writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => undefined); // where it may not be reset it is since the beginning
  return peak;
}

/** Memory of a process and all below it, each page that several share counted once in all. */
export async function proportionalMegabytes(root: number): Promise<number | null> {
  const threads = await readdir(`/proc/${root}/task`).catch(() => null);
  if (threads === null) return null;
  const lists = await Promise.all(threads.map((thread) => readFile(`/proc/${root}/task/${thread}/children`, 'utf8').catch(() => '')));
  let sum = (await megabytesIn(`/proc/${root}/smaps_rollup`, /^Pss:\s+(\d+) kB$/m)) ?? 0;
  for (const child of lists.flatMap((list) => list.split(' ').filter(Boolean))) sum += (await proportionalMegabytes(Number(child))) ?? 0;
  return sum;
}

async function megabytesIn(file: string, pattern: RegExp): Promise<number | null> {
  const text = await readFile(file, 'utf8').catch(() => null);
  const kibibytes = pattern.exec(text ?? '')?.[1];
  return kibibytes === undefined ? null : (Number(kibibytes) * 1024) / 1e6;
}
