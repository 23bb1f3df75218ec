import type { Judgement, Retries } from './retries.ts';

export interface CreateRequests {
  /** The conditional write. Throws. */
  readonly put: (signal: AbortSignal) => Promise<'created' | 'exists'>;
  /** What is there, for certain and not from a listing. Throws. */
  readonly read: (signal: AbortSignal) => Promise<Uint8Array | null>;
  readonly judge: (error: unknown) => Judgement;
}

/**
 * A conditional write whose answer may get lost: whatever fails so that it may have been done (5xx, a broken connection,
 * no answer in time) is looked for before anything is concluded, and what was there first is compared with ours.
 */
export function createOnce(retries: Retries, bytes: Uint8Array, { put, read, judge }: CreateRequests): Promise<'created' | 'exists'> {
  let mayBeOurs = false;

  async function whatIsThere(signal: AbortSignal): Promise<'created' | 'exists' | null> {
    const there = await read(signal);
    if (there === null) return null;
    return Buffer.compare(there, bytes) === 0 ? 'created' : 'exists';
  }

  return retries.run(bytes.length, async (signal) => {
    try {
      const answer = await put(signal);
      if (answer === 'created' || !mayBeOurs) return answer;
      return (await whatIsThere(signal)) ?? 'exists';
    } catch (error) {
      if (!judge(error).again) throw error;
      mayBeOurs = true;
      const found = signal.aborted ? null : await whatIsThere(signal);
      if (found === null) throw error;
      return found;
    }
  });
}
