import { encodeCanonical } from '../../core/canonical.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import type { Outstanding } from '../../core/replica/workspace.ts';
import { parseProjectName } from '../../kinds/claude-home/session-name.ts';
import { keepReplaced } from '../keep-replaced.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import type { TreeSource } from '../tree-sources.ts';
import { changedText } from './changed-text.ts';
import type { Pending, PendingItem } from './pending-entry.ts';

/** A folder with files of its own that joined: what would be written, merged and kept. */
export async function pendingFirstApply(node: SatchelNode, open: OpenSpace, tree: TreeSource): Promise<Pending[]> {
  const { definition, firstApply, workspace } = tree;
  const state = await firstApply.state();
  if (state !== 'waiting' && state !== 'rejected') return [];
  const preview = await firstApply.preview();
  const changed = preview.filter(({ shown }) => shown !== null);
  const views = [...(await workspace.views()).values()].filter(({ shown, notHere }) => shown !== null && notHere === null);
  // Of what could not be merged the other version stands, and the one from here is a version beside it.
  const conflicts = new Set((await open.replica.siblings()).map(({ item }) => item.name));
  const replaced = changed.filter(({ item }) => conflicts.has(definition.prefix + item.name)).length;
  const kept = views.length - changed.length;
  return [
    {
      entry: {
        id: sha256Hex('satchel/v1/pending-first-apply\0', encodeCanonical([definition.id, preview.map(fingerprint)])),
        type: 'first-apply',
        path: definition.root,
        title: definition.shownAs ?? definition.root,
        what: [
          ...some(preview.length - changed.length, (count) => `writes ${count} new ${count === 1 ? 'file' : 'files'}`),
          ...some(changed.length - replaced, (count) => `merges ${count} of yours`),
          ...some(replaced, (count) => `replaces ${count} of yours where they could not be merged (your versions are kept beside)`),
          ...some(kept, (count) => `keeps ${count} as ${count === 1 ? 'it is' : 'they are'}`),
          ...(await sessionPlaces(tree, preview)),
          'a copy of what changes is made before',
        ].join(', '),
        machines: [],
        since: null,
        items: [...changed, ...preview.filter(({ shown }) => shown === null)].map((each) => itemOf(each, definition.prefix)),
        rejected: state === 'rejected',
      },
      change: () => changedText(workspace, changed),
      secrets: async () => (await Promise.all(changed.map(async ({ item }) => (await tree.forms?.keptTexts(item)) ?? []))).flat(),
      approve: async (onCopy) => {
        const copy = await keepReplaced(
          node,
          definition,
          changed.map(({ item }) => item.name),
        );
        if (copy !== null) onCopy(copy);
        await firstApply.answer('done');
      },
      reject: () => firstApply.answer('rejected'),
    },
  ];
}

const PROJECTS_SHOWN = 5;

/** Which folder of this machine each project is whose sessions would be put in place: by what they were recognised, is to be seen first. */
async function sessionPlaces({ projects }: TreeSource, preview: readonly Outstanding[]): Promise<string[]> {
  if (projects === null) return [];
  const book = await projects.book();
  const folders = new Set(preview.flatMap(({ item }) => parseProjectName(item.name)?.folder ?? []));
  const places = [...folders].flatMap((folder) => {
    const bound = book.folder(folder);
    return bound === undefined ? [] : [`puts sessions of ${bound.project} where its folder ${bound.path} has them`];
  });
  const rest = places.length - PROJECTS_SHOWN;
  return [...places.toSorted().slice(0, PROJECTS_SHOWN), ...(rest > 0 ? [`and of ${rest} more: satchel projects`] : [])];
}

function some(count: number, say: (count: number) => string): string[] {
  return count > 0 ? [say(count)] : [];
}

function fingerprint({ item, content, shown }: Outstanding): string[] {
  return [item.kind, item.name, content?.digest ?? '', shown?.digest ?? ''];
}

function itemOf({ item, content, shown }: Outstanding, prefix: string): PendingItem {
  return {
    item: prefix + item.name,
    change: content === null ? 'removed' : shown === null ? 'new' : 'changed',
    size: content?.size ?? null,
  };
}
