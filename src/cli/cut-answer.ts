import type { NodeHome } from '../node/home.ts';
import { isProcess } from '../node/node-lock.ts';
import { ENDS_WITH_ITS_ASKER, type OperationName } from '../node/operations/table.ts';
import { readRunning } from '../node/running.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure } from './frame-command.ts';

/** What to say where the connection to the running node was cut before the answer's last line, and what becomes of what was asked. */
export async function cutAnswer(home: NodeHome, name: OperationName): Promise<CommandFailure> {
  const running = await readRunning(home);
  if (running === null || !isProcess(running.pid))
    return new CommandFailure(EXIT.failed, 'broken-off', 'the node ended before it answered: what it had done by then is kept', {
      next: 'Run: satchel up, and then this again',
    });
  const cut = 'the connection to the node was cut before its answer.';
  return ENDS_WITH_ITS_ASKER.has(name)
    ? new CommandFailure(EXIT.failed, 'broken-off', `${cut} The node still runs; what was asked was given up`, { next: 'Run it again' })
    : new CommandFailure(EXIT.failed, 'broken-off', `${cut} The node still runs, and goes on with what was asked`, {
        next: 'See how it stands before you ask again: satchel status',
      });
}

/** A connection that ended at the other end, or on the way. */
export function isCut(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}
