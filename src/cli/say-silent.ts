import type { OnAsked } from '../node/shared-store/try-store.ts';
import type { CommandContext } from './frame-command.ts';
import { printable } from './output-style.ts';
import { shownSecond } from './shown-time.ts';

/** Milliseconds: whoever waits longer wonders what for. */
const SILENT = 2_000;

/** Says of what is asked, where no answer comes soon, that it is waited for, and until when. */
export function saySilent({ print, clock }: Pick<CommandContext, 'print' | 'clock'>): OnAsked {
  let answered = new AbortController();

  async function saySoon(what: string, until: number, { signal }: AbortController): Promise<void> {
    await clock.sleep(SILENT, signal);
    if (signal.aborted) return;
    print(`${printable(what)} has not answered yet: it is waited for until ${shownSecond(until)} at the latest.`);
  }

  return (asked) => {
    answered.abort();
    if (asked === null) return;
    answered = new AbortController();
    void saySoon(asked.what, clock.now() + asked.limit, answered);
  };
}
