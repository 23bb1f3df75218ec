import { NO_NODE_THERE } from '../remotes/hub/no-node-there.ts';

/** What helps where a space does not sync. */
export function syncRemedy(type: string | null, problem: string | null): string {
  switch (type) {
    case 'unreachable':
      // Asking again at once helps nobody where nothing listens.
      return problem?.endsWith(NO_NODE_THERE) === true
        ? 'Start it there (satchel up, or in a clone npm start): this machine goes on by itself, and loses nothing meanwhile'
        : 'It is tried again by itself, and nothing is lost meanwhile. To try now: satchel sync';
    case 'not-a-member':
      return 'Run: satchel leave';
    case 'not-shown':
      return 'Run: satchel join (as a new machine, where it was removed), or satchel spaces move --help (where the remote lost it)';
    case 'rolled-back':
    case 'forked':
      return 'Run: satchel spaces move --help';
    default:
      return 'Run: satchel doctor';
  }
}
