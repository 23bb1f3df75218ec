import type { IncomingMessage } from 'node:http';
import { HUB_LIMITS, LIVE_HEARTBEAT } from '../../core/hub-protocol/limits.ts';
import { decodeLiveLine, type LiveLine } from '../../core/hub-protocol/wire.ts';
import type { SpaceId } from '../../core/ids.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { parsed } from './answer.ts';

/** Two heartbeats and some: a link that is silent for so long is dead. */
export const LIVE_SILENCE = 2 * LIVE_HEARTBEAT + 5_000;

/**
 * Reads a live stream until it ends, which is an error: streams are meant to last. `onLine` is called as lines come
 * in; what it throws ends the stream. Holds one line of memory.
 */
export async function readLive(response: IncomingMessage, spaces: readonly SpaceId[], onLine: (line: LiveLine) => void): Promise<never> {
  const asked = new Set(spaces);
  let rest = '';
  response.setEncoding('utf8');
  try {
    for await (const text of response as AsyncIterable<string>) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '') continue;
        if (line.length > HUB_LIMITS.liveLineBytes) throw longLine();
        const told = parsed(decodeLiveLine(line));
        if (!asked.has(told.space)) throw new RemoteError('protocol', 'the hub pushed a space that nobody asked for');
        onLine(told);
      }
      if (rest.length > HUB_LIMITS.liveLineBytes) throw longLine();
    }
  } finally {
    response.destroy();
  }
  throw new RemoteError('unreachable', 'the hub ended the live stream');
}

function longLine(): RemoteError {
  return new RemoteError('protocol', 'a line of the live stream is too long');
}
