import { expect, it } from 'vitest';
import { row } from '../../../tests/gateways/claude-mem-ops.ts';
import type { Content } from '../../core/content.ts';
import type { FeedEntry } from '../../core/ports/feeds.ts';
import type { Row } from '../../kinds/rows/row-body.ts';
import { createFeedIndex } from './feed-index.ts';
import { itemToOps, type ItemsToOpsDeps } from './items-to-ops.ts';
import { payloadToRow, rowToPayload } from './op-rows.ts';
import { subjectOfOp } from './plan-push.ts';
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

it('tells an edit made elsewhere under the number that the row has, though its device pushed it by other words meanwhile', async () => {
  const [before, reworded] = [op('1', { title: 'as it was' }), op('2', { title: 'reworded' })];
  const entries = [before, reworded].map((said, at): FeedEntry => ({
    ...{ number: at + 1, entity: said.says.id, revision: said.says.entity_rev, digest: said.digest },
    ...{ subject: subjectOfOp(said), origin: DEVICE, time: 0, body: said.body },
  }));
  const index = createFeedIndex();
  for (const entry of entries) index.add(entry);
  if (before.says.kind === 'mutation' || before.says.deleted) throw new Error('not a row');
  const { name, row: shown } = payloadToRow('observation', before.says.payload, SESSION);
  const edited: Row = new Map([...shown, ['subtitle', 'edited elsewhere']]);
  const facts = { memorySessionId: 'm-1', contentSessionId: 'c-1', platform: 'claude', project: 'shop' };
  expect(subjectOf('observation', rowToPayload('observation', edited, facts))).toBe(entries[0]?.subject);

  const content = (digest: string): Content => ({ digest, size: 1, attributes: {}, pieces: [] }) as unknown as Content;
  const session: Row = new Map([
    ['content_session_id', 'c-1'],
    ['memory_session_id', 'm-1'],
  ]);
  const rowOf = async ({ digest }: Content): Promise<Row> => (String(digest) === 'edited' ? edited : shown);
  const deps = {
    rows: { rowOf, row: async () => session, placed: async () => ({ row: session, position: 1 }) },
    sessions: { memoryIdsOf: () => ['m-1'] },
    names: { learn: () => undefined, toldAs: () => [] },
    feed: { index, entry: async (number: number) => entries[number - 1] ?? null },
    now: 0,
    captured: 1,
    standing: async () => new Map(),
    worker: async () => null,
    revisionAt: (position: number) => revisionAt(0, position),
  } as unknown as ItemsToOpsDeps;
  const item = { item: memItem(name), content: content('edited'), shown: content('shown') };
  const served = await itemToOps(item as unknown as Parameters<typeof itemToOps>[0], 5, deps);
  expect(served).toMatchObject({ type: 'ops', additions: [{ entity: before.says.id, revision: revisionAt(0, 5) }] });
});
