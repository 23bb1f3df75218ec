import type { CommandContext } from './frame-command.ts';

/** What a person sees while the node works: the time that passes, and as soon as the node tells of it, how far it is. */
export interface AnswerProgress {
  show(told: { readonly done: number; readonly total: number; readonly what: string }): void;
  /** Takes it away. Must be called at the end, however it comes. */
  stop(): void;
}

const TICK = 500;

export function createAnswerProgress({ progress, clock }: Pick<CommandContext, 'progress' | 'clock'>, label = 'Working'): AnswerProgress {
  const began = clock.now();
  let shown = '';
  progress.start(label, null, 'time');
  const timer = setInterval(() => progress.update(clock.now() - began), TICK);
  timer.unref();
  return {
    show({ done, total, what }) {
      clearInterval(timer);
      const part = `${what}/${total}`;
      if (part !== shown) progress.start(what, total, what === 'bytes' ? 'bytes' : 'items');
      shown = part;
      progress.update(done);
    },
    stop() {
      clearInterval(timer);
      progress.stop();
    },
  };
}
