import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from '../../core/ports/random.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { isPassing, toRefusalError } from './answer.ts';
import { isCutOff, type Exchange } from './http-exchange.ts';

/** Milliseconds: a hub that is restarted is back by then, and a proxy has found another one long before. */
export const PATIENCE = 10_000;
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 1_000;

export interface PatienceDeps {
  /** Milliseconds. */
  readonly patience: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends all patience. */
  readonly closing: AbortSignal;
}

/**
 * Tries again, for so long, what failed because a hub is being stopped or has just been: a proxy in front of several hands the
 * next try to another one, and a single one is back in a moment. Whoever does not answer at all is not waited for, unless it
 * spoke to us in the same breath. `attempt` says by {@link Interrupted} that it failed in that way, and has to be safe to repeat.
 */
export async function patiently<T>({ patience, clock, random, closing }: PatienceDeps, attempt: () => Promise<T>): Promise<T> {
  const end = clock.now() + patience;
  let wasInterrupted = false;
  for (let [pause, paused] = [FIRST_PAUSE, 0]; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    try {
      return await attempt();
    } catch (error) {
      wasInterrupted ||= error instanceof Interrupted;
      const isAway = error instanceof RemoteError && error.type === 'unreachable';
      // What was slept counts too: the clock may jump.
      if (!wasInterrupted || !isAway || closing.aborted || paused >= patience || clock.now() >= end) throw error;
      // Those who were cut off by the same restart come back one after the other.
      const length = pause * (0.5 + Buffer.from(random.bytes(1)).readUInt8(0) / 256);
      paused += length;
      await clock.sleep(length, closing);
    }
  }
}

/** The exchange was cut off, or turned away by somebody who is about to go: it may work in a moment. Whether it was carried out is not known. */
export class Interrupted extends RemoteError {}

/** As `exchange`, but says by {@link Interrupted} what that is, and asks what is idempotent {@link patiently}. */
export function patientExchange(exchange: Exchange, deps: PatienceDeps): Exchange {
  const once: Exchange['ask'] = async (question) => {
    const answer = await exchange.ask(question).catch((error: unknown) => {
      throw error instanceof RemoteError && isCutOff(error.cause) ? interrupted(error) : error;
    });
    if (isPassing(answer)) throw interrupted(toRefusalError(answer));
    return answer;
  };
  return { ...exchange, ask: (question) => (question.idempotent ? patiently(deps, () => once(question)) : once(question)) };
}

function interrupted({ type, message, cause, retryAfter }: RemoteError): Interrupted {
  return new Interrupted(type, message, { cause, ...(retryAfter === undefined ? {} : { retryAfter }) });
}
