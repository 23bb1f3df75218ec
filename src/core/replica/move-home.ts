import type { Remote } from '../ports/remote.ts';
import { appendControl, NotAllowed } from './administer.ts';
import { copyLog } from './copy-log.ts';
import type { Replica } from './replica.ts';
import { openText, sealText } from './sealed-text.ts';

/**
 * Moves the space's home remote: copies the log to `target`, then appends an owner-signed move record at the present
 * home, which members there see and follow, and brings it to the target too. Goes on where it was interrupted.
 * `descriptor` is what members need to find the target; it is encrypted for them. Throws NotAllowed, RemoteError.
 */
export async function moveHome(
  replica: Replica,
  from: Remote,
  target: Remote,
  descriptor: string,
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  if ((await homeOf(replica)) !== descriptor) {
    await copyLog(replica, target, onProgress);
    await appendControl(replica, from, async () => {
      const head = await replica.head();
      if (head === null) throw new NotAllowed('the space has no log here');
      const { space, keyId, keys, deps } = replica;
      return {
        op: 'move',
        term: head.term + 1,
        position: head.position,
        head: head.hash,
        sealedRemote: await sealText(descriptor, space, keyId, keys, deps),
      };
    });
  }
  await copyLog(replica, target, onProgress);
}

/** Where the log says that its home is since its last move; `null` before the first. */
export async function homeOf(replica: Replica): Promise<string | null> {
  const { sealedRemote } = replica.membership;
  return sealedRemote === null ? null : openText(sealedRemote, replica.space, replica.keys, replica.deps.compression);
}
