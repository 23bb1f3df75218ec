import path from 'node:path';
import { isObject } from '../../gateways/claude-mem/canonical-json.ts';
import { readForeign } from '../read-foreign.ts';

const TIMEOUT = 3_000;

/** Why claude-mem's running worker could not sync last; `null` for nothing, or where it does not run or say so within `patience` milliseconds. */
export async function lastSyncError(folder: string, patience = TIMEOUT): Promise<string | null> {
  const text = await readForeign(path.join(folder, 'worker.pid'));
  const port = text.ok ? portOf(text.value) : null;
  if (port === null) return null;
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/api/sync/status`, { redirect: 'error', signal: AbortSignal.timeout(patience) });
    const status: unknown = answer.ok ? await answer.json() : null;
    const error = isObject(status) ? status['lastError'] : null;
    return typeof error === 'string' && error !== '' ? error : null;
  } catch (error) {
    // It ended, listens elsewhere, or waits for its hub: then that is what it would say.
    if (error instanceof TypeError || error instanceof SyntaxError || (error instanceof Error && error.name === 'TimeoutError'))
      return null;
    throw error;
  }
}

function portOf(text: string | null): number | null {
  try {
    const note: unknown = JSON.parse(text ?? 'null');
    const port = isObject(note) ? note['port'] : null;
    return typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536 ? port : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
