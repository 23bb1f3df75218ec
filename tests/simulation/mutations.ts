import type { PlaceKind } from './places.ts';

/** A deliberate mistake in the product's code: `from`, which stands there exactly once, becomes `to`. */
export interface CodeMutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** `npm run test:long` looks for it: it takes many seeds, or is found as quickly as others are. */
  readonly isInLongRun?: true;
  /** Where the logs are that it is looked for in: at a hub unless said otherwise. */
  readonly place?: PlaceKind;
}

/** Applied only inside `mutations*.test.ts`, by a transform of the module when it is bundled (hunt.ts). */
export const MUTATIONS: readonly CodeMutation[] = [
  {
    name: 'the rule does not compare the base',
    file: 'src/core/log/rule.ts',
    from: "if ((current?.revision ?? null) !== change.base) return 'made from a revision that is not the current one';",
    to: '',
  },
  {
    name: 'a capture merges from the head of the store, not from what was shown',
    file: 'src/core/replica/replica-workspace.ts',
    from: 'base: doubtful.has(itemKey(wanted.item)) ? null : wanted.shown,',
    to: 'base: (await replica.visible([wanted.item])).get(itemKey(wanted.item))?.content ?? null,',
  },
  {
    name: 'collapsing drafts forgets the bodies between',
    file: 'src/core/replica/rebase.ts',
    from: "if (known !== undefined && known.ours !== null && change.type !== 'append') wish.history.push(known.ours);",
    to: '',
  },
  {
    name: 'a merge forgets our own body',
    isInLongRun: true,
    file: 'src/core/replica/wishes.ts',
    from: 'await storeVersion(settlement.version, deps), unreachable(wish, null))',
    to: 'await storeVersion(settlement.version, deps), [])',
  },
  {
    name: 'a conflict is settled for the log and nothing is kept',
    file: 'src/core/replica/wishes.ts',
    from: 'return [...changes, ...(await keep(wish, revision, present))];',
    to: 'return changes;',
  },
  {
    name: 'drafts that landed stay drafts',
    isInLongRun: true,
    file: 'src/core/replica/apply-steps.ts',
    from: 'await tx.drafts.remove(space, run.landed);',
    to: '',
  },
  {
    name: 'collapsed bodies are not written down',
    isInLongRun: true,
    file: 'src/core/log/commit-codec.ts',
    from: "content(change.content), change.history.map(content)];\n    case 'append'",
    to: "content(change.content), []];\n    case 'append'",
  },
  {
    name: 'views move before the draft is durable',
    file: 'src/core/replica/replica-workspace.ts',
    from: 'const drafted = await few.write(namesOf(sorted.views), () =>\n      looked.writing(() =>\n        replica.draft(wishes, note, commit, async (tx) => {\n          await tx.views.put(space, writer, sorted.views);',
    to: 'await store.write((tx) => tx.views.put(space, writer, sorted.views));\n    const drafted = await few.write(namesOf(sorted.views), () =>\n      looked.writing(() =>\n        replica.draft(wishes, note, commit, async (tx) => {',
  },
  {
    name: 'a prune takes open siblings for superseded',
    isInLongRun: true,
    file: 'src/core/replica/live-objects.ts',
    from: 'for (const { content } of await tx.items.siblings(replica.space)) if (content !== null) contents.push(content);',
    to: '',
  },
  {
    name: 'forgetting leaves the bytes on this disk',
    isInLongRun: true,
    file: 'src/core/replica/prune-obey.ts',
    from: 'dropHere: gone.filter((id) => !isNeeded(id))',
    to: 'dropHere: gone.filter((id) => !isNeeded(id) && !erased.has(id))',
  },
  {
    name: 'whoever was a member may go on writing',
    isInLongRun: true,
    file: 'src/core/log/membership.ts',
    from: 'const role = membership.members.get(machine)?.role;',
    to: 'const role = (membership.members.get(machine) ?? membership.removed.get(machine))?.role;',
  },
  {
    name: 'a machine that joins with a checkpoint passes folders over',
    isInLongRun: true,
    file: 'src/core/replica/state-pages.ts',
    from: 'readList(entries, ITEMS_PER_PAGE).map(parseItemState)',
    to: "readList(entries, ITEMS_PER_PAGE).map(parseItemState).filter(({ item }) => item.kind !== 'folder')",
  },
  {
    name: 'an id that is used counts again',
    isInLongRun: true,
    file: 'src/core/log/rule.ts',
    from: "if (state.isUsed(key)) return fail('its id is in the log already');",
    to: '',
  },
  {
    name: 'in a bucket, a lost race counts as won',
    place: 'bucket',
    file: 'src/remotes/bucket/sequence.ts',
    from: "if ((await blobs.create(name(number), bytes)) === 'exists') return false;",
    to: 'await blobs.create(name(number), bytes);',
  },
  {
    name: 'a bucket that was restored counts as the same',
    isInLongRun: true,
    place: 'bucket',
    file: 'src/remotes/bucket/bucket-log.ts',
    from: 'if (found?.nonce === nonce) return true;',
    to: 'if (found !== null) return true;',
  },
  {
    name: 'in a bucket, a name whose blob was removed is used again',
    isInLongRun: true,
    place: 'bucket',
    file: 'src/remotes/bucket/drops.ts',
    from: 'generation: (id) => generations.get(id) ?? 0,',
    to: 'generation: () => 0,',
  },
];
