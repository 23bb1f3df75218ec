import { runMeasured, versionOf } from '../measured-process.ts';
import type { Measurement, Peer } from '../peer.ts';

/** rclone sync between two folders. Bytes are what it counts as transferred: whole files, uncompressed. */
export const rclonePeer: Peer = {
  name: 'rclone',
  available: () => versionOf(['rclone', 'version']),
  async open({ source, target }) {
    const sync = async (): Promise<Measurement> => {
      const command = [
        'rclone',
        'sync',
        source,
        target,
        '--config',
        '/dev/null',
        '--use-json-log',
        '--stats-log-level',
        'NOTICE',
        '--stats',
        '1h',
      ];
      const { seconds, cpuSeconds, stderr } = await runMeasured(command);
      return { seconds, cpuSeconds, wireBytes: bytesOf(stderr) };
    };
    return { firstSync: sync, noChange: sync, edit: sync, close: () => Promise.resolve() };
  },
};

/** From the last line with statistics. */
function bytesOf(log: string): number | null {
  const line = log.split('\n').findLast((text) => text.includes('"stats"'));
  if (line === undefined) return null;
  return (JSON.parse(line) as { stats: { bytes: number } }).stats.bytes;
}
