import path from 'node:path';
import { oneAtATime } from './one-at-a-time.mjs';

/**
 * Runs `work` while no other process does such work in this clone: a second one says so, and waits. In a clone that cannot be
 * written it throws an error for people, where `isEnough` does not say that there is nothing to write.
 */
export async function alone(folder, name, doing, isEnough, work) {
  let began = false;
  try {
    await oneAtATime(
      path.join(folder, '.locks', name),
      async (holdFor) => {
        began = true;
        await work(holdFor);
      },
      { onWait: (pid) => process.stderr.write(`Another command of this clone (process ${pid}) ${doing}: waiting for it …\n`) },
    );
  } catch (error) {
    if (began || !['EROFS', 'EACCES', 'EPERM'].includes(error.code)) throw error;
    if (await isEnough()) return;
    throw new Error(
      `${folder} cannot be written by this user (${error.code}): packages and the built program are put there. ` +
        'Clone it to where you may write, or run this once as the user whose clone it is',
      { cause: error },
    );
  }
}
