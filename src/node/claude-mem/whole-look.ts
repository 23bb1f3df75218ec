import type { Item } from '../../core/item.ts';
import { claudeMemProfile } from '../../sources/claude-mem/claude-mem-profile.ts';
import { sentRows } from '../../sources/claude-mem/sent-rows.ts';
import { onlyShown, withoutOthers } from '../../sources/sqlite-rows/absence-workspaces.ts';
import type { BroughtAs } from '../../sources/sqlite-rows/moved-on-views.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { createRowSource } from '../row-sources.ts';
import { moveOnViews } from './left-to-worker.ts';

/** Of a database that could not be looked at: why. */
export class Unlooked extends Error {
  override readonly name = 'Unlooked';
}

/**
 * Captures what stands in claude-mem's database as its source would if it carried all rows, whoever carries them now: what was edited, made and
 * deleted there beside the worker. What the worker's own sync brought is no edit. Gives how many rows went at once, and so count as no wish.
 * `broughtAs`: rows that a hub without a space brought, and that were edited since.
 * Then, where `isToCatchUp`, puts in place what others changed and deleted of rows that stand there: new ones are left to the worker, which may be
 * about to take them in. Throws {@link Unlooked} where the database cannot be read; safe to repeat, and while the worker goes on. O(rows).
 */
export async function takeWholeLook(
  { deps, log, memRows }: Pick<SatchelNode, 'deps' | 'log' | 'memRows'>,
  { entry, replica, rows, rowNames }: Pick<OpenSpace, 'entry' | 'replica' | 'rows' | 'rowNames'>,
  { isToCatchUp = false, broughtAs }: { readonly isToCatchUp?: boolean; readonly broughtAs?: BroughtAs | null } = {},
): Promise<number> {
  const { clock, random } = deps;
  let held = 0;
  for (const { definition, source, health } of rows) {
    if (!definition.sessionsOnly) {
      await source.scan();
      if (isToCatchUp) await source.apply();
      if (health.problem !== null) throw new Unlooked(health.problem);
      continue;
    }
    const whole = { ...definition, sessionsOnly: false, isSyncedToo: true };
    const profile = claudeMemProfile(whole);
    const sent = readSent(definition.file);
    // What its sync brought, or sent, is in the space by that way, or on its way there.
    const isSent = ({ name }: Item, rowid: number): boolean =>
      sent.get(profile.tables.find(({ id }) => id === profile.tableOf(name))?.table ?? '')?.has(rowid) === true;
    let isPutting = false;
    const scope = memRows.scopeFor(entry.name, rowNames);
    const brought = broughtAs == null ? undefined : { as: broughtAs, scope };
    const looking = createRowSource(whole, replica, {
      ...{ clock, random, log, turns: memRows.turns },
      scope,
      through: (workspace) => onlyShown(withoutOthers(workspace, isSent), () => isPutting),
      moveOn: (workspace) => moveOnViews(whole, { replica, clock, brought }, workspace),
    });
    try {
      const { state } = await looking.source.scan();
      isPutting = true;
      if (isToCatchUp) await looking.source.apply();
      if (looking.health.problem !== null) throw new Unlooked(looking.health.problem);
      if (state.type === 'mass-deletion' || state.type === 'root-missing') held += state.names.length;
      if (state.type === 'older-state') held += state.gone.length;
    } finally {
      await looking.close();
    }
  }
  return held;
}

function readSent(file: string): ReturnType<typeof sentRows> {
  try {
    return sentRows(file, true);
  } catch (error) {
    throw error instanceof Error && error.name === 'SqliteError' ? new Unlooked(error.message) : error;
  }
}
