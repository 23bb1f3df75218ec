import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

/** Memory that bodies on their way may take together, whoever sends them. */
export interface BodyRoom {
  /** False where so many bytes are not left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function createBodyRoom(total: number): BodyRoom {
  let used = 0;
  return {
    take(bytes) {
      if (used + bytes > total) return false;
      used += bytes;
      return true;
    },
    give: (bytes) => void (used -= bytes),
  };
}

/** Of a body that is too long so much is still read, so that its sender gets to read the answer. */
const PATIENCE_BYTES = 64 * 1024 * 1024;

/**
 * A whole body, however it comes. Throws {@link Refusal} 413 for more than `limit` bytes, 503 where there is no room, 400 where it
 * breaks off. `use` has the body's memory until it resolves.
 */
export async function withBody<T>(
  request: IncomingMessage,
  limit: number,
  room: BodyRoom,
  use: (body: Uint8Array) => Promise<T>,
): Promise<T> {
  let [held, seen] = [0, 0];
  let refusal: Refusal | null = null;
  const parts: Buffer[] = [];
  try {
    for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      seen += part.length;
      if (refusal === null) {
        if (seen > limit) refusal = new Refusal(413, `Body too large: at most ${limit} bytes are taken`);
        else if (!room.take(part.length)) refusal = new Refusal(503, 'Too many large requests at once');
        else {
          held += part.length;
          parts.push(part);
        }
        if (refusal !== null) {
          room.give(held);
          held = 0;
          parts.length = 0;
        }
      } else if (seen > PATIENCE_BYTES) break;
    }
    if (refusal !== null) throw refusal;
    return await use(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ECONNRESET') throw new Refusal(400, 'The body broke off');
    throw error;
  } finally {
    room.give(held);
  }
}
