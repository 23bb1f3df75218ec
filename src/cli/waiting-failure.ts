import type { NodeHome } from '../node/home.ts';
import { readWaiting } from '../node/waiting.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure } from './frame-command.ts';

/** Said where a node was started here and waits for its database; `null` where none does. */
export async function waitingFailure(home: NodeHome): Promise<CommandFailure | null> {
  const reason = await readWaiting(home);
  if (reason === null) return null;
  return new CommandFailure(EXIT.unreachable, 'waiting', `the node was started, and waits: ${reason}`, {
    next: 'It goes on by itself once that is mended',
  });
}
