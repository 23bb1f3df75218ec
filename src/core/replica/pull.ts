import { EMPTY_HEAD, type Head } from '../log/record.ts';
import type { Remote } from '../ports/remote.ts';
import { verifyChain, type Divergence } from './chain.ts';
import type { Replica } from './replica.ts';

const PAGE = { records: 512, bytes: 8 * 1024 * 1024 };

/**
 * Reads the records behind the local head, verifies their chain, and replays them. Drafts are rebased once, in the end.
 * Cost: O(records and drafts).
 */
export async function pull(
  replica: Replica,
  remote: Remote,
  onProgress: (done: number, total: number) => void = () => undefined,
  heard: Head | null = null,
): Promise<{ readonly pulled: number; readonly divergence: Divergence | null }> {
  let pulled = 0;
  for (;;) {
    const local = (await replica.head()) ?? EMPTY_HEAD;
    const answer = await remote.read(replica.space, local.position + 1, heard === null ? PAGE : { ...PAGE, heard });
    const divergence = answer.records.length === 0 ? compareHeads(answer.head, local) : await acceptRecords(replica, answer.records, local);
    if (divergence === null && answer.records.length > 0) {
      pulled += answer.records.length;
      onProgress(pulled, pulled + Math.max(0, (answer.head?.position ?? 0) - local.position - answer.records.length));
      // Head and records are of one moment: where they meet there is nothing more to ask for.
      if ((await replica.head())?.hash !== answer.head?.hash) continue;
    }
    if (divergence === null || pulled > 0) await replica.catchUp();
    return { pulled, divergence };
  }
}

function compareHeads(remote: Head | null, local: Head): Divergence | null {
  if (remote === null) return local.position < 0 ? null : { type: 'rolled-back', remote, local };
  if (remote.position < local.position) return { type: 'rolled-back', remote, local };
  if (remote.position === local.position && remote.hash !== local.hash) return { type: 'forked', remote, local };
  return null;
}

/**
 * Verifies that foreign records continue the local log at the head they were asked for, stores and replays them. The
 * drafts are not rebased yet.
 * Where another exchange went on from there meanwhile, nothing is stored: the caller asks again from the new head.
 */
export async function acceptRecords(replica: Replica, encoded: readonly Uint8Array[], asked: Head): Promise<Divergence | null> {
  const chain = verifyChain(encoded, asked, replica.space);
  if (!chain.ok) return chain.error;
  await replica.follow({ ...chain.value, after: asked });
  return null;
}
