import { existsSync } from 'node:fs';
import type { Ailment } from './ailment.ts';
import { lookForDamage } from './damage.ts';
import { lookForDoubles } from './doubles.ts';
import { lookForForeignWal } from './foreign-wal.ts';
import { lookForFullText } from './full-text.ts';
import { lookForHeldFile } from './held-file.ts';
import { mixedUnder } from './held-standing.ts';
import { lookAtHolders } from './holders.ts';
import { lookForSchemaDrift } from './schema-drift.ts';
import { lookForStuckQueue, type QueueLook } from './sync-queue.ts';
import { lookForUnreadable } from './unreadable.ts';

/** All that is wrong with a database by itself. Reads only; what is behind a foreign log is not looked at. O(size). */
export function findAilments(look: QueueLook): Ailment[] {
  const { file } = look;
  const holders = lookAtHolders(file);
  const outside = [lookForHeldFile(file, holders), existsSync(file) ? lookForForeignWal(file, holders) : null].filter(
    (found) => found !== null,
  );
  if (!existsSync(file) || outside.some(({ id }) => id === 'wal') || mixedUnder(file, holders) !== null) return outside;
  const unreadable = lookForUnreadable(file);
  if (unreadable !== null) return [...outside, unreadable];
  const damage = lookForDamage(file);
  // What a damaged file says of itself is not worth much.
  if (damage !== null) return [...outside, damage];
  const doubles = lookForDoubles(file);
  const fullText = lookForFullText(file);
  // In the order in which they can be repaired: rows that an index does not know cannot be changed.
  const inside = [...lookForSchemaDrift(file), ...(fullText === null ? [] : [fullText]), ...lookForStuckQueue(look)];
  return [...outside, ...inside, ...(doubles === null ? [] : [doubles])];
}
