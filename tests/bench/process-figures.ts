import { readdir, readFile } from 'node:fs/promises';

/** User and system time so far of processes and all below them, in seconds, from /proc; null where there is no such thing. */
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
    ticks += Number(fields[11]) + Number(fields[12]);
    pids.push(...lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number)));
  }
  // Linux shows a hundred ticks a second to programs, whatever it uses inside.
  return ticks / 100;
}

/** Resident memory of one process in MB (10^6 bytes); null where there is no /proc. */
export async function residentMegabytes(pid: number): Promise<number | null> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => null);
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(text ?? '')?.[1];
  return kibibytes === undefined ? null : (Number(kibibytes) * 1024) / 1e6;
}
