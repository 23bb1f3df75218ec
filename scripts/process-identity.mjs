import { readFile } from 'node:fs/promises';
import { capture } from './run.mjs';

/**
 * What tells this run of a process from every other that has or will have its number: since when it runs. Null where none
 * runs, also where it ended and nobody asked for its exit code yet (in a container that may be never).
 */
export async function processIdentity(pid) {
  if (process.platform === 'linux') return await identityOnLinux(pid);
  if (process.platform === 'win32') return isThere(pid) ? `${pid}` : null;
  const { code, output } = await capture('ps', ['-o', 'stat=,lstart=', '-p', `${pid}`], { ...process.env, LC_ALL: 'C', TZ: 'UTC' });
  const [state, ...since] = output.trim().split(/\s+/);
  return code !== 0 || state.startsWith('Z') ? null : [pid, ...since].join(' ');
}

/** Whether a process that was identified so still runs. */
export async function isRunning(identity) {
  return (await processIdentity(Number.parseInt(identity, 10))) === identity;
}

async function identityOnLinux(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(nothing);
  if (stat === null) return null;
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  return `${pid} ${(await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()} ${fields[19]}`;
}

function isThere(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function nothing(error) {
  if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
  return null;
}
