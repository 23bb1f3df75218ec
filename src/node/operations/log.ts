import { z } from 'zod';
import type { CommitId, SpaceId } from '../../core/ids.ts';
import type { Item } from '../../core/item.ts';
import { LIMITS } from '../../core/limits.ts';
import type { HistoryEntry, ItemTable } from '../../core/ports/store.ts';
import { decodeRecord } from '../../core/log/record.ts';
import { openCommit } from '../../core/replica/open-commit.ts';
import type { CommitNote } from '../../core/log/commit.ts';
import { findItem, findPrefix } from '../find-item.ts';
import { mnemeNameHere } from '../mneme/known-names.ts';
import { findSpace } from '../find-space.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import { isoTime } from '../record-times.ts';
import { spaceField } from './fields.ts';
import { goneBody } from './gone-body.ts';
import { defineOperation } from './operation.ts';
import { machineNames } from '../machine-names.ts';

export interface LogChange {
  readonly item: string;
  /** As people on this machine know it, where that is another name: mneme's client calls a project by its folder. */
  readonly known_as?: string;
  readonly kind: string;
  readonly type: HistoryEntry['type'];
  readonly revision: string;
  readonly size: number | null;
  /** Of what was kept beside in a conflict: whether it still waits to be settled; `null` for any other change. */
  readonly conflict: 'open' | 'settled' | null;
  /** How its body went everywhere, for good; `null`: it did not, as far as is known here. */
  readonly gone: 'erased' | 'pruned' | null;
}

export interface LogCommit {
  /** `null` for a draft, which is not in the log yet. */
  readonly position: number | null;
  readonly commit: CommitId;
  readonly machine: string;
  /** As its author's clock said; `null` where the record cannot be read here (yet). */
  readonly time: string | null;
  readonly message: string;
  readonly writer: string;
  readonly session: string | null;
  readonly changes: readonly LogChange[];
}

export interface LogResult {
  readonly commits: readonly LogCommit[];
  /** Pass as `before` for the next page; `null` at the beginning of the log. */
  readonly next: number | null;
}

export const logOperation = defineOperation({
  input: z.strictObject({
    space: spaceField.optional(),
    item: z.string().max(2048).optional(),
    before: z.number().int().nonnegative().optional(),
    limit: z.number().int().min(1).max(1000).default(50),
  }),
  async run(node, input): Promise<LogResult> {
    const open = findSpace(node, input.space);
    const { space } = open.entry;
    const prefix = input.item?.endsWith('/') === true ? await findPrefix(node, open, input.item) : null;
    const item = input.item === undefined || prefix !== null ? null : (await findItem(node, open, input.item)).item;
    const page = { limit: input.limit, ...(input.before === undefined ? {} : { before: input.before }) };
    const entries = await node.store.read((tx) =>
      item !== null
        ? historyOfItem(tx.items, space, item, page)
        : prefix !== null
          ? historyUnder(tx.items, space, prefix, page)
          : tx.items.historyByPosition(space, page),
    );
    const names = await machineNames(node, open);
    // Those of the log, and as drafts would leave them: what this machine settled is settled, sent or not.
    const unsettled = new Set((await open.replica.siblings(item ?? undefined)).map(({ sibling }) => sibling));
    const isMeant = (each: Item): boolean =>
      item === null ? each.name.startsWith(prefix ?? '') : each.kind === item.kind && each.name === item.name;
    const commits: LogCommit[] = input.before === undefined ? draftsOf(open, isMeant, names.get(node.deps.machine.key.machine) ?? '') : [];
    for (const position of [...new Set(entries.map((e) => e.position))]) {
      const made = await describeRecord(node, open, position, names);
      const changes = entries.filter((e) => e.position === position).sort(byStanding);
      commits.push({ position, ...made, changes: await Promise.all(changes.map((change) => toChange(open, change, unsettled))) });
    }
    const last = entries.at(-1);
    return {
      commits: await Promise.all(commits.map((commit) => withKnownNames(open, commit))),
      next: last === undefined || entries.length < input.limit ? null : last.position,
    };
  },
});

type Standing = Pick<HistoryEntry, 'type' | 'index'>;

/** Of one record: what is in place since, then what was kept beside it, then what was written over before it was sent, the newest first. */
export function byStanding(a: Standing, b: Standing): number {
  const rank = ({ type }: Standing): number => (type === 'collapsed' ? 2 : type === 'keep' ? 1 : 0);
  return rank(a) - rank(b) || (a.type === 'collapsed' ? b.index - a.index : a.index - b.index);
}

async function withKnownNames(open: OpenSpace, commit: LogCommit): Promise<LogCommit> {
  const changes = commit.changes.map(async (change) => {
    const known = await mnemeNameHere(open, change.item);
    return known === change.item ? change : { ...change, known_as: known };
  });
  return { ...commit, changes: await Promise.all(changes) };
}

/** As `history`, whole records at a time: a put may list many collapsed bodies of its item. */
async function historyOfItem(
  items: ItemTable,
  space: SpaceId,
  item: Item,
  page: { readonly before?: number; readonly limit: number },
): Promise<HistoryEntry[]> {
  const entries = await items.history(space, item, page);
  const last = entries.at(-1);
  if (last === undefined || entries.length < page.limit) return entries;
  const rest = await items.history(space, item, { before: last.position + 1, limit: LIMITS.historyPerPut * 2 });
  return [...entries.filter((e) => e.position !== last.position), ...rest.filter((e) => e.position === last.position)];
}

const SCANNED = 2_000;

/** Of all items whose names begin so; whole records at a time. O(log) where few do. */
async function historyUnder(
  items: ItemTable,
  space: SpaceId,
  prefix: string,
  { before: first, limit }: { readonly before?: number; readonly limit: number },
): Promise<HistoryEntry[]> {
  const found: HistoryEntry[] = [];
  let before = first;
  for (;;) {
    const page = await items.historyByPosition(space, { ...(before === undefined ? {} : { before }), limit: SCANNED });
    for (const entry of page) {
      if (found.length >= limit && entry.position !== found.at(-1)?.position) return found;
      if (entry.item.name.startsWith(prefix)) found.push(entry);
    }
    before = page.at(-1)?.position;
    if (page.length < SCANNED || before === undefined) return found;
  }
}

function draftsOf(open: OpenSpace, isMeant: (item: Item) => boolean, machine: string): LogCommit[] {
  return open.replica.drafts.toReversed().flatMap((draft) => {
    const changes = draft.changes.filter((c) => c.type !== 'resolve' && isMeant(c.item));
    if (changes.length === 0) return [];
    return [
      {
        position: null,
        commit: draft.id,
        machine,
        ...noteFields(draft),
        changes: changes.map((c) => ({
          item: c.item.name,
          kind: c.item.kind,
          type: c.type as LogChange['type'],
          revision: '',
          size: 'content' in c ? (c.content?.size ?? null) : null,
          conflict: c.type === 'keep' ? ('open' as const) : null,
          gone: null,
        })),
      },
    ];
  });
}

async function toChange(
  open: OpenSpace,
  { item, type, revision, content }: HistoryEntry,
  unsettled: ReadonlySet<string>,
): Promise<LogChange> {
  const conflict = type === 'keep' ? (unsettled.has(revision) ? 'open' : 'settled') : null;
  const gone = await goneBody(open, content);
  return { item: item.name, kind: item.kind, type, revision, size: content?.size ?? null, conflict, gone };
}

const UNREADABLE = { time: null, message: '', writer: '', session: null };

function noteFields(note: CommitNote) {
  return {
    time: isoTime(note.time),
    message: note.message,
    writer: note.writer,
    session: note.session ?? null,
  };
}

async function describeRecord(node: SatchelNode, open: OpenSpace, position: number, names: ReadonlyMap<string, string>) {
  const [stored] = await node.store.read((tx) => tx.logs.read(open.entry.space, position, { records: 1, bytes: 1 }));
  // A gap before a checkpoint: the history is still being fetched.
  const record = stored?.position !== position ? null : decodeRecord(stored.bytes);
  if (record === null || !record.ok) return { commit: '' as CommitId, machine: '?', ...UNREADABLE };
  const note = await openCommit(record.value, open.replica.keys, node.deps.compression);
  const machine = names.get(record.value.header.signer) ?? record.value.header.signer.slice(0, 8);
  return { commit: record.value.header.id, machine, ...(note === null ? UNREADABLE : noteFields(note)) };
}
