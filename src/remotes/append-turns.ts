import type { SpaceId } from '../core/ids.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Head } from '../core/log/record.ts';
import type { Remote, Segment } from '../core/ports/remote.ts';

/** Who lost a race may try again for so long before anybody else, ms: it has to read, merge and send what it has. */
const TURN = 1_000;
/** Who let its turn pass gets none for so long, ms. */
const FORFEIT = 10_000;

/** Losers of one space, in their turn. */
interface Line {
  readonly signers: string[];
  /** Ends the first one's time. */
  timer: AbortController;
  /** Those who wait for the line to move. */
  readonly waiting: Set<() => void>;
}

/**
 * A remote where nobody starves: whoever lost a race for the head is next, and the others' appends wait for it, a
 * second at most. Without that the fastest machine wins each time, and a slow one that has to merge what it missed
 * never lands anything while the others go on. Decorates the remote of a hub, which sees all appends.
 */
export function withAppendTurns<R extends Pick<Remote, 'append'>>(remote: R, clock: Clock): R {
  const lines = new Map<SpaceId, Line>();
  /** When who let its turn pass. */
  const forfeits = new Map<string, number>();

  async function myTurn(space: SpaceId, signer: string): Promise<void> {
    for (;;) {
      const line = lines.get(space);
      if (line === undefined || line.signers[0] === signer) return;
      await new Promise<void>((resolve) => line.waiting.add(resolve));
    }
  }

  function lineUp(space: SpaceId, signer: string): void {
    const last = forfeits.get(signer);
    if (last !== undefined && Math.abs(clock.now() - last) < FORFEIT) return;
    forfeits.delete(signer);
    const line = lines.get(space) ?? { signers: [], timer: new AbortController(), waiting: new Set() };
    lines.set(space, line);
    if (!line.signers.includes(signer)) line.signers.push(signer);
    if (line.signers[0] === signer) void startTime(space, line);
  }

  /** The first one has its second from now on. */
  async function startTime(space: SpaceId, line: Line): Promise<void> {
    line.timer.abort();
    const timer = new AbortController();
    line.timer = timer;
    await clock.sleep(TURN, timer.signal);
    if (timer.signal.aborted) return;
    forfeits.set(line.signers[0] as string, clock.now());
    next(space, line);
  }

  function next(space: SpaceId, line: Line): void {
    line.signers.shift();
    line.timer.abort();
    if (line.signers.length === 0) lines.delete(space);
    else void startTime(space, line);
    for (const wake of line.waiting) wake();
    line.waiting.clear();
  }

  return {
    ...remote,
    async append(space: SpaceId, expected: Head, segment: Segment) {
      const signer = segment.records[0]?.header.signer ?? '';
      await myTurn(space, signer);
      const outcome = await remote.append(space, expected, segment);
      const line = lines.get(space);
      if (outcome.type === 'appended' && line?.signers[0] === signer) next(space, line);
      if (outcome.type === 'moved') lineUp(space, signer);
      return outcome;
    },
  };
}
