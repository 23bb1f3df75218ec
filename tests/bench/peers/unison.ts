import { runMeasured, versionOf } from '../measured-process.ts';
import type { Measurement, Peer } from '../peer.ts';

/** Unison between two folders of one machine: there is no wire, and it counts no bytes. */
export const unisonPeer: Peer = {
  name: 'unison',
  available: () => versionOf(['unison', '-version']),
  async open({ source, target, work }) {
    const sync = async (): Promise<Measurement> => {
      const command = ['unison', source, target, '-batch', '-silent', '-ui', 'text', '-confirmbigdel=false'];
      const { seconds, cpuSeconds } = await runMeasured(command, { env: { UNISON: work, UNISONLOCALHOSTNAME: 'bench' } });
      return { seconds, cpuSeconds, wireBytes: null };
    };
    return { firstSync: sync, noChange: sync, edit: sync, close: () => Promise.resolve() };
  },
};
