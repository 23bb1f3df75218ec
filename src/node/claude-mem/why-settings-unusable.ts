import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { throughLinks } from '../through-links.ts';
import { ownDevice } from './adopt-at-connect.ts';

/** Nothing can be told of claude-mem's settings, or nothing written into them. */
export interface UnusableSettings {
  readonly reason: string;
  readonly next: string;
}

/**
 * Why `connect`, `disconnect` and `import` can do nothing with claude-mem's settings as they stand; `null` where they can, and where there are none.
 * Asked before anything is changed: without them a database's own rows look like another device's. Reads only.
 */
export async function whySettingsUnusable(claudeMemHome: string): Promise<UnusableSettings | null> {
  const device = await ownDevice(claudeMemHome);
  if (!device.ok) return { reason: device.error, next: 'Mend or move it away, and run this again: nothing was changed' };
  const folder = path.dirname(await throughLinks(path.join(claudeMemHome, 'settings.json')));
  if (await mayWrite(folder)) return null;
  return {
    reason: `claude-mem’s settings.json was left alone: this user may not write into ${folder}`,
    next: 'Make it writable, and run this again: nothing was changed',
  };
}

/** The file is replaced, not written over: what its folder allows counts. One that is missing is made. */
async function mayWrite(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
