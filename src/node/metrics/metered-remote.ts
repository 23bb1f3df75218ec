import type { Remote } from '../../core/ports/remote.ts';
import type { Meter } from './meter.ts';

/** Counts what others do at a remote that is served to them. A few additions a call. */
export function meteredRemote(remote: Remote, meter: Meter): Remote {
  const { appends, records, recordBytes, objects, objectBytes } = meter;
  return {
    ...remote,
    async append(space, expected, segment) {
      const outcome = await remote.append(space, expected, segment);
      appends.add(1, outcome.type);
      if (outcome.type === 'appended') {
        records.add(segment.records.length, 'stored');
        recordBytes.add(
          segment.records.reduce((sum, { headerBytes, body }) => sum + headerBytes.length + body.length, 0),
          'stored',
        );
        objects.add(segment.objects.length, 'stored');
        objectBytes.add(sizeOf(segment.objects.map(({ bytes }) => bytes)), 'stored');
      }
      return outcome;
    },
    async read(space, from, limit) {
      const answer = await remote.read(space, from, limit);
      records.add(answer.records.length, 'served');
      recordBytes.add(sizeOf(answer.records), 'served');
      return answer;
    },
    async putObjects(space, batch) {
      await remote.putObjects(space, batch);
      objects.add(batch.length, 'stored');
      objectBytes.add(sizeOf(batch.map(({ bytes }) => bytes)), 'stored');
    },
    async getObjects(space, ids) {
      const found = await remote.getObjects(space, ids);
      objects.add(found.size, 'served');
      objectBytes.add(sizeOf([...found.values()]), 'served');
      return found;
    },
    async watch(spaces, onHead, signal) {
      meter.listeners.begin();
      try {
        await remote.watch(spaces, onHead, signal);
      } finally {
        meter.listeners.end();
      }
    },
  };
}

function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
