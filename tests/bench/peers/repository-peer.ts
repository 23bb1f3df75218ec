import { folderBytes } from '../folder-size.ts';
import { runMeasured, type ProcessOptions } from '../measured-process.ts';
import type { Measurement, PeerSession } from '../peer.ts';

/** A peer that goes through a repository: commands in and out, run in their order. Bytes are the repository's growth. */
export function createRepositorySession(
  repository: string,
  commands: Readonly<Record<string, readonly string[]>>,
  options: ProcessOptions,
): PeerSession {
  const sync = async (): Promise<Measurement> => {
    const before = await folderBytes(repository);
    let seconds = 0;
    let cpuSeconds = 0;
    const parts: Record<string, number> = {};
    for (const [part, command] of Object.entries(commands)) {
      const finished = await runMeasured(command, options);
      parts[part] = finished.seconds;
      seconds += finished.seconds;
      cpuSeconds += finished.cpuSeconds;
    }
    return { seconds, cpuSeconds, wireBytes: Math.max(0, (await folderBytes(repository)) - before), parts };
  };
  return { firstSync: sync, noChange: sync, edit: sync, close: () => Promise.resolve() };
}
