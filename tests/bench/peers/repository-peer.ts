import { folderBytes } from '../folder-size.ts';
import { runMeasured, type ProcessOptions } from '../measured-process.ts';
import type { Measurement, PeerSession } from '../peer.ts';

/** A peer that goes through a repository: one command in, one out. Bytes are the repository's growth. */
export function createRepositorySession(
  repository: string,
  commands: readonly (readonly string[])[],
  options: ProcessOptions,
): PeerSession {
  const sync = async (): Promise<Measurement> => {
    const before = await folderBytes(repository);
    let seconds = 0;
    let cpuSeconds = 0;
    for (const command of commands) {
      const finished = await runMeasured(command, options);
      seconds += finished.seconds;
      cpuSeconds += finished.cpuSeconds;
    }
    return { seconds, cpuSeconds, wireBytes: Math.max(0, (await folderBytes(repository)) - before) };
  };
  return { firstSync: sync, noChange: sync, edit: sync, close: () => Promise.resolve() };
}
