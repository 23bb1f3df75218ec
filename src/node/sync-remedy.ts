import { shellWord } from '../config/private-file.ts';
import { NO_NODE_THERE } from '../remotes/hub/no-node-there.ts';
import { printable } from './printable.ts';

/** The space of which that is said, where it is known. */
export interface RemedySpace {
  readonly name: string;
  /** `null`: at this node. */
  readonly remote: string | null;
}

/** What helps where a space does not sync. */
export function syncRemedy(type: string | null, problem: string | null, space: RemedySpace | null = null): string {
  switch (type) {
    case 'unreachable':
      // Asking again at once helps nobody where nothing listens.
      return problem?.endsWith(NO_NODE_THERE) === true
        ? 'Start it there (satchel up, or in a clone npm start): this machine goes on by itself, and loses nothing meanwhile'
        : 'It is tried again by itself, and nothing is lost meanwhile. To try now: satchel sync';
    case 'remote-full':
      return 'Make room there: this machine goes on by itself then, and loses nothing meanwhile';
    case 'place-lost':
      return `Bring the right one back; or, where it is to be the home again, with all that this machine has: ${reviveCommand(space)}`;
    case 'place-damaged':
      return `Put it back there as it was, as from a backup (a git branch: to the commit before), and it goes on by itself. Where that cannot be, on an owner’s machine, to another remote, with all that this machine has: ${leaveCommand(space)}`;
    case 'not-a-member':
      return 'Run: satchel leave';
    case 'not-shown':
      // Only a hub knows its callers.
      return space !== null && isPlace(space)
        ? `Where it was emptied or made anew, to keep the space there again, with all that this machine has: ${reviveCommand(space)}`
        : 'Run: satchel join (as a new machine, where it was removed), or satchel spaces move --help (where the remote lost it)';
    case 'rolled-back':
    case 'forked':
      return `Look for what was done there (was it restored?). To go on with what it holds, on an owner’s machine: ${reviveCommand(space)}: what it lacks of this machine’s log lands again behind that`;
    default:
      return 'Run: satchel doctor';
  }
}

/** What makes a home that was lost, or made anew, the home again. */
export function reviveCommand(space: RemedySpace | null): string {
  if (space === null || space.remote === null) return 'satchel spaces move SPACE REMOTE --lost';
  return `satchel spaces move ${shellWord(printable(space.name))} ${shellWord(printable(space.remote))} --lost`;
}

/** What keeps a space elsewhere, with nothing taken from a home that does not do any more. */
function leaveCommand(space: RemedySpace | null): string {
  return `satchel spaces move ${space === null ? 'SPACE' : shellWord(printable(space.name))} REMOTE --lost`;
}

function isPlace({ remote }: RemedySpace): boolean {
  return remote !== null && !/^https?:/.test(remote);
}
