import { expect, it } from 'vitest';
import { row } from '../../../tests/gateways/claude-mem-ops.ts';
import type { Content } from '../../core/content.ts';
import type { FeedEntry } from '../../core/ports/feeds.ts';
import type { Row } from '../../kinds/rows/row-body.ts';
import { createFeedIndex } from './feed-index.ts';
import { goneStanding, itemToOps, type ItemsToOpsDeps } from './items-to-ops.ts';
import { payloadToRow, rowToPayload, type Payload } from './op-rows.ts';
import { GATEWAY_ORIGIN, subjectOfOp } from './plan-push.ts';
import { memItem } from './rows-of-space.ts';
import { parseOp, type Op } from './schema.ts';
import { subjectOf } from './subject.ts';
import { revisionAt } from './told-revisions.ts';

const DEVICE = 'device-a';
const SESSION = 'claude-mem/sessions/claude/c-1';

function op(rev: string, payload: Record<string, unknown>): Op {
  const parsed = parseOp(row(DEVICE, { rev, payload }));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

type Item = Parameters<typeof itemToOps>[0];

const facts = { memorySessionId: 'm-1', contentSessionId: 'c-1', platform: 'claude', project: 'shop' };
const session: Row = new Map([
  ['content_session_id', 'c-1'],
  ['memory_session_id', 'm-1'],
]);
const content = (digest: string): Content => ({ digest, size: 1, attributes: {}, pieces: [] }) as unknown as Content;

function entryOf(said: Op, number: number, origin: string): FeedEntry {
  const { id: entity, entity_rev: revision } = said.says;
  return { number, entity, revision, digest: said.digest, subject: subjectOfOp(said), origin, time: 0, body: said.body };
}

function depsOf(entries: readonly FeedEntry[], rows: Readonly<Record<string, Row>>): ItemsToOpsDeps {
  const index = createFeedIndex();
  for (const entry of entries) index.add(entry);
  return {
    rows: {
      rowOf: async ({ digest }: Content) => rows[String(digest)] ?? null,
      row: async (name: string) => (name === SESSION ? session : null),
      placed: async () => ({ row: session, position: 1 }),
    },
    sessions: { memoryIdsOf: () => ['m-1'] },
    names: { learn: () => undefined, toldAs: () => [], of: (natural: string) => natural },
    feed: { index, entry: async (number: number) => entries[number - 1] ?? null },
    now: 0,
    captured: 1,
    standing: async () => new Map(),
    worker: async () => null,
    revisionAt: (position: number) => revisionAt(0, position),
  } as unknown as ItemsToOpsDeps;
}

function payloadOf({ says }: Op): Payload {
  if (says.kind === 'mutation' || says.deleted) throw new Error('not a row');
  return says.payload;
}

it('tells an edit made elsewhere under the number that the row has, though its device pushed it by other words meanwhile', async () => {
  const [before, reworded] = [op('1', { title: 'as it was' }), op('2', { title: 'reworded' })];
  const entries = [before, reworded].map((said, at) => entryOf(said, at + 1, DEVICE));
  const { name, row: shown } = payloadToRow('observation', payloadOf(before), SESSION);
  const edited: Row = new Map([...shown, ['subtitle', 'edited elsewhere']]);
  expect(subjectOf('observation', rowToPayload('observation', edited, facts))).toBe(entries[0]?.subject);

  const item = { item: memItem(name), content: content('edited'), shown: content('shown') } as unknown as Item;
  const served = await itemToOps(item, 5, depsOf(entries, { edited, shown }));
  expect(served).toMatchObject({ type: 'ops', additions: [{ entity: before.says.id, revision: revisionAt(0, 5) }] });
});

it('tells what is so since a position by one state of each row at each revision, on nodes of which one knows its device, and one does not', async () => {
  const [before, reworded] = [op('1', { title: 'as it was' }), op('2', { title: 'reworded' })];
  const { name, row: shown } = payloadToRow('observation', payloadOf(before), SESSION);
  const edited: Row = new Map([...shown, ['title', 'reworded']]);
  const item = { item: memItem(name), content: content('edited'), shown: content('shown') } as unknown as Item;
  const rows = { edited, shown };
  // Served as the gateway's own, before its device told of it by other words.
  const own = await itemToOps({ ...item, content: item.shown, shown: null }, 5, depsOf([], rows));
  const [first] = own.type === 'ops' ? own.additions : [];
  if (first === undefined) throw new Error('nothing was served');
  const known = [{ ...first, number: 1 } as FeedEntry, entryOf(reworded, 2, DEVICE)];
  const told = await Promise.all([itemToOps(item, 7, depsOf(known, rows)), itemToOps(item, 7, depsOf([], rows))]);
  const all = told.flatMap((served) => (served.type === 'ops' ? served.additions : []));
  expect(all).toHaveLength(2);
  const digests = new Map<string, Set<string>>();
  for (const { entity, revision, digest } of all) {
    const at = `${entity} ${revision}`;
    digests.set(at, (digests.get(at) ?? new Set()).add(digest));
  }
  expect([...digests.values()].map(({ size }) => size)).toEqual([1, 1]);
  // The row is gone under the name that it had, above what it says elsewhere.
  const [end, live] = all;
  expect([end?.subject, end?.entity, live?.entity]).toEqual(['', first.entity, first.entity]);
  expect(BigInt(end!.revision)).toBeGreaterThan(BigInt(live!.revision));
});

it('tells that a row is gone by the same bytes, whether this feed told of it before or not', async () => {
  const payload = payloadOf(op('1', { title: 'as it was' }));
  const { name, row: shown } = payloadToRow('observation', payload, SESSION);
  const item = { item: memItem(name), content: content('shown'), shown: null } as unknown as Item;
  const served = await itemToOps(item, 5, depsOf([], { shown }));
  const [first] = served.type === 'ops' ? served.additions : [];
  if (first === undefined) throw new Error('nothing was served');
  const gone = await itemToOps(
    { ...item, content: null, shown: item.content },
    7,
    depsOf([{ ...first, number: 1 } as FeedEntry], { shown }),
  );
  const { origin_device_id: device, origin_local_id: local } = JSON.parse(first.body) as {
    origin_device_id: string;
    origin_local_id: string;
  };
  const born = Number(payload['created_at_epoch']);
  const standing = goneStanding({ subject: first.subject, device, local, name, born }, 7, depsOf([], {}));
  expect(gone).toMatchObject({ type: 'ops', additions: [{ subject: '' }] });
  expect(gone.type === 'ops' ? gone.additions : []).toEqual(standing);
});

it('tells a row under its number also where clients hold it by words that it had before a word of its device, which is a conflict, was captured', async () => {
  const [before, edited, reworded] = [
    op('1', { title: 'as it was' }),
    op(revisionAt(0, 5), { title: 'edited elsewhere' }),
    op('2', { title: 'reworded' }),
  ];
  // The word of the device was in the feed already when the edit was served, above it, and was captured behind that.
  const entries = [entryOf(before, 1, DEVICE), entryOf(reworded, 2, DEVICE), entryOf(edited, 3, GATEWAY_ORIGIN)];
  const { name } = payloadToRow('observation', payloadOf(before), SESSION);
  const { name: natural, row: current } = payloadToRow('observation', payloadOf(edited), SESSION);
  const { row: shown } = payloadToRow('observation', payloadOf(reworded), SESSION);
  const again: Row = new Map([...current, ['title', 'edited once more']]);
  const item = { item: memItem(name), content: content('again'), shown: content('shown') } as unknown as Item;
  const deps = depsOf(entries, { again, shown });
  const names = { learn: () => undefined, toldAs: () => [], of: (words: string) => (words === natural ? name : words) };
  const rows = { ...deps.rows, row: async (of: string) => (of === SESSION ? session : null) };
  const served = await itemToOps(item, 7, { ...deps, captured: 3, names, rows } as unknown as ItemsToOpsDeps);
  expect(served).toMatchObject({ type: 'ops', additions: [{ entity: before.says.id, revision: revisionAt(0, 7) }] });
});
