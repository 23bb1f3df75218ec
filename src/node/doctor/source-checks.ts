import { counted } from '../counted.ts';
import { createNodeFiles } from '../../sources/files/node-files.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { carries, carriesNow, mayEnter, type TreeSource } from '../tree-sources.ts';
import { heldRemedy } from '../held-remedy.ts';
import { rootState } from '../root-state.ts';
import type { NamedReason } from '../../sources/file-tree/reports.ts';
import { skippedHere } from '../skipped-here.ts';
import { failed, passed, some, warned, type Check } from './check.ts';

/** How a source is, and what of its folder is not carried. Looks at names, never at content. O(files). */
export async function checkSource(
  node: SatchelNode,
  open: OpenSpace,
  { definition, source, workspace, health }: TreeSource,
): Promise<Check[]> {
  const id = `source:${definition.id}`;
  const state = source.state();
  const files = createNodeFiles({ root: definition.root, random: node.deps.random });
  const scan = files.scan({ enters: (folder) => mayEnter(definition, folder) });
  const checks: Check[] = [];
  if (scan.root === null && definition.mayBeMissing === true && state.type === 'ok')
    checks.push(passed(id, `${definition.root} is not there, and nothing is missing`));
  else if (rootState(definition.root) === 'file')
    checks.push(
      failed(id, 'high', `${definition.root} is a file, and no folder, so nothing of it is captured or applied`, heldRemedy('no-folder')),
    );
  else if (scan.root === null)
    checks.push(
      warned(
        id,
        'medium',
        `${definition.root} is not there, so nothing of it is captured or applied`,
        'Make the folder, or correct config.json',
      ),
    );
  else if (health.problem !== null)
    checks.push(failed(id, 'high', `watching failed and is tried again: ${health.problem}`, `See ${node.home.log}`, [definition.root]));
  else if (state.type !== 'ok') checks.push(failed(id, 'high', state.message, heldRemedy(state.type), [definition.root]));
  else checks.push(passed(id, `${definition.shownAs ?? definition.root} is carried`, [counted(scan.entries.size, 'entry', 'entries')]));

  const unreadable = scan.unreadable.map(({ path, problem }) => `${path}: ${problem.message}`);
  if (unreadable.length > 0)
    checks.push(
      warned(
        `${id}.unreadable`,
        'medium',
        `${counted(unreadable.length, 'file or folder', 'files or folders')} cannot be read`,
        'Change their modes',
        some(unreadable),
      ),
    );

  const views = [...(await workspace.views()).values()];
  const refused = views.filter((view) => view.notHere !== null).map((view) => `${view.item.name}: ${view.notHere}`);
  if (refused.length > 0)
    checks.push(warned(`${id}.not-here`, 'low', `${counted(refused.length, 'item')} cannot be held in this folder`, null, some(refused)));

  // Of bodies that nobody has, the space tells.
  const late = source.waiting().filter(({ lacksBody }) => lacksBody !== true);
  if (late.length > 0)
    checks.push(
      warned(
        `${id}.waiting`,
        'medium',
        `${counted(late.length, 'item of another machine is', 'items of other machines are')} not put in place yet; Satchel tries again by itself`,
        'Each says what it waits for',
        some(late.map(({ name, reason }) => `${name}: ${reason}`)),
      ),
    );

  const skipped = skippedHere({ definition, source });
  const [mendable, local] = [skipped.filter((entry) => entry.mendable), skipped.filter((entry) => !entry.mendable)];
  const named = (entries: readonly NamedReason[]): string[] => some(entries.map(({ name, reason }) => `${name}: ${reason}`));
  if (mendable.length > 0)
    checks.push(
      warned(
        `${id}.unfit`,
        'medium',
        `${counted(mendable.length, 'file is', 'files are')} not carried as ${mendable.length === 1 ? 'it stands' : 'they stand'} now`,
        `Mend what the reason says, and it goes on by itself (a version that was carried before: satchel log FILE, then satchel restore FILE); or leave it out by "exclude" in config.json`,
        named(mendable),
      ),
    );
  if (local.length > 0)
    checks.push(
      warned(
        `${id}.skipped`,
        'low',
        `${counted(local.length, 'file, link or pipe stays', 'files, links or pipes stay')} on this machine`,
        'Each says why. Of a link: to have its content carried, put the file or folder itself there',
        named(local),
      ),
    );

  const shown = new Set(views.filter((view) => view.shown !== null).map((view) => view.item.name));
  const waiting = [...scan.entries].filter(([path, stat]) => {
    const name = path.normalize('NFC');
    const isExplained = skipped.some((entry) => entry.name === name);
    return (stat.type === 'file' || stat.type === 'link') && carriesNow(definition, name) && !shown.has(name) && !isExplained;
  });
  if (waiting.length > 0 && open.replica.canWrite)
    checks.push(
      warned(
        `${id}.uncaptured`,
        'medium',
        `${counted(waiting.length, 'file is', 'files are')} not captured (yet)`,
        node.isLive ? 'Run: satchel sync' : 'Run: satchel up',
        some(waiting.map(([path]) => path)),
      ),
    );
  // Of a Claude home the inventory tells more.
  if (definition.inventory === undefined) {
    const names = [...files.scan({ enters: () => false }).entries.keys()];
    checks.push(
      notCarried(
        id,
        definition.root,
        names.filter((name) => !carries(definition, name) && !mayEnter(definition, name)),
      ),
    );
  }
  return checks;
}

function notCarried(id: string, root: string, names: readonly string[]): Check {
  if (names.length === 0) return passed(`${id}.not-carried`, `everything in ${root} is carried`);
  return passed(
    `${id}.not-carried`,
    `${counted(names.length, `entry of ${root} is`, `entries of ${root} are`)} not carried, by what this source includes`,
    some(names),
  );
}
