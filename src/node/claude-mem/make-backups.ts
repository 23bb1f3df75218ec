import path from 'node:path';
import { makeFolders } from '../make-folders.ts';
import type { SatchelNode } from '../node.ts';

/** In SATCHEL_HOME: what stood there before something was written over it. Nothing ever removes it. */
const BACKUPS = 'claude-mem-backups';

/** A new folder for what is written over, by time and by what does it. */
export async function makeBackups({ home, deps }: Pick<SatchelNode, 'home' | 'deps'>, id: string): Promise<string> {
  const folder = path.join(home.root, BACKUPS, `${new Date(deps.clock.now()).toISOString().replaceAll(/[:.]/g, '-')}-${id}`);
  await makeFolders(folder);
  return folder;
}
