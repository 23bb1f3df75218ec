import type { HubContext } from './hub-app.ts';

/** Calls back once the answer is out or the caller is gone: at once, where it has gone already. */
export function whenOver(c: HubContext, callback: () => void): void {
  if (c.env.outgoing.destroyed) callback();
  else c.env.outgoing.once('close', callback);
}
