/** Of the process, what stopping it takes. */
export interface StoppedProcess {
  once(signal: NodeJS.Signals, listener: () => void): unknown;
  removeListener(signal: NodeJS.Signals, listener: () => void): unknown;
  exit(): void;
  /** Calls `work` in so many milliseconds, if the process has not ended by then. */
  later(work: () => void, milliseconds: number): void;
  /** To whoever looks. */
  say(line: string): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Milliseconds: more than requests in flight and a sync that ends are given, less than what starts services waits. */
const PATIENCE = 30_000;

/**
 * Calls `stop` at the first signal of each kind that asks to end; answers how to stop listening: another one of the same
 * kind, or any after that, ends the process as usual. A thread that waits for a share that went away would hold the
 * process for ever, so it ends after {@link PATIENCE} whatever it waits for: as after a crash, nothing kept is lost.
 */
export function listenForStop(process: StoppedProcess, stop: () => void): () => void {
  let isAsked = false;
  const onSignal = (): void => {
    if (!isAsked) {
      process.later(() => {
        process.say('satchel: something that was begun does not end: stopped without it. Nothing that was kept is lost.');
        process.exit();
      }, PATIENCE);
    }
    isAsked = true;
    stop();
  };
  for (const signal of SIGNALS) process.once(signal, onSignal);
  return () => {
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  };
}
