import { readPrivate, type NodeHome } from './home.ts';

export interface RunningNode {
  readonly pid: number;
  readonly address: string | null;
}

/** What the running node wrote of itself; stale after a crash, so ask it before believing it. */
export async function readRunning(home: NodeHome): Promise<RunningNode | null> {
  const text = await readPrivate(home.running);
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as { pid?: unknown; address?: unknown } | null;
    return typeof value?.pid === 'number' ? { pid: value.pid, address: typeof value.address === 'string' ? value.address : null } : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
