import { readPrivate, removePrivate, writePrivate, type NodeHome } from './home.ts';
import { isProcess } from './node-lock.ts';

/** A node that was started and waits, for its database say, holds no lock and answers nobody: it leaves word here of why. */
export async function noteWaiting({ waiting }: NodeHome, reason: string): Promise<void> {
  await writePrivate(waiting, JSON.stringify({ pid: process.pid, reason }));
}

export async function forgetWaiting({ waiting }: NodeHome): Promise<void> {
  await removePrivate(waiting);
}

/** Why a node that was started here does not run yet; `null`: none was, or none any more. */
export async function readWaiting({ waiting }: NodeHome): Promise<string | null> {
  const text = await readPrivate(waiting);
  if (text === null) return null;
  try {
    const { pid, reason } = JSON.parse(text) as { pid?: unknown; reason?: unknown };
    return typeof pid === 'number' && typeof reason === 'string' && isProcess(pid) ? reason : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
