import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runMeasured, versionOf } from '../measured-process.ts';
import type { Measurement, Peer } from '../peer.ts';

/**
 * rsync -az as over ssh: two processes and real pipes between them, so that it uses its delta algorithm; in the place
 * of ssh a shell that runs the far end here. Bytes are what it counts itself, both directions.
 */
export const rsyncPeer: Peer = {
  name: 'rsync -z',
  available: () => versionOf(['rsync', '--version']),
  async open({ source, target, work }) {
    const shell = path.join(work, 'shell');
    await writeFile(shell, '#!/bin/sh\nshift\nexec sh -c "$*"\n');
    await chmod(shell, 0o755);
    const sync = async (): Promise<Measurement> => {
      const { seconds, cpuSeconds, stdout } = await runMeasured([
        'rsync',
        '-az',
        '--delete',
        '--stats',
        '-e',
        shell,
        `${source}/`,
        `here:${target}/`,
      ]);
      return { seconds, cpuSeconds, wireBytes: bytesOf(stdout, 'sent') + bytesOf(stdout, 'received') };
    };
    return { firstSync: sync, noChange: sync, edit: sync, close: () => Promise.resolve() };
  },
};

function bytesOf(stats: string, direction: 'sent' | 'received'): number {
  const found = new RegExp(`Total bytes ${direction}: ([\\d,]+)`).exec(stats)?.[1];
  if (found === undefined) throw new Error(`rsync --stats says nothing of bytes ${direction}:\n${stats}`);
  return Number(found.replaceAll(',', ''));
}
