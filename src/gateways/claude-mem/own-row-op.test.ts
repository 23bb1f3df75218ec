import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ownRowToOp } from './own-row-op.ts';
import { PAYLOAD_FIELDS } from './payload.ts';
import { parseOp } from './schema.ts';

interface Recorded {
  readonly exchanges: readonly {
    readonly type: string;
    readonly request?: { readonly method: string; readonly body?: { readonly ops: readonly { body: string; operation_sha256: string }[] } };
  }[];
}

const recorded = JSON.parse(
  readFileSync(new URL('../../../tests/fixtures/claude-mem-sync/exchanges.json', import.meta.url), 'utf8'),
) as Recorded;
const pushed = recorded.exchanges.flatMap(({ request }) => request?.body?.ops ?? []).map((op) => parseOp(op));

it('takes everything that real clients pushed', () => {
  expect(pushed.length).toBeGreaterThan(5);
  expect(pushed.filter(({ ok }) => !ok)).toEqual([]);
});

it('makes of a row in the database the very op that a real client pushed for it', () => {
  let rows = 0;
  for (const op of pushed) {
    if (!op.ok || op.value.says.kind === 'mutation' || op.value.says.deleted) continue;
    const { kind, payload, origin_device_id: device, origin_local_id: local, entity_rev: revision } = op.value.says;
    // As the cells hold it: numbers, and JSON as text.
    const cells = Object.fromEntries(
      Object.entries(PAYLOAD_FIELDS[kind]).map(([field, { type }]) => {
        const value = payload[field] ?? null;
        if (value === null) return [field, null];
        return [field, type === 'count' ? Number(value) : type === 'list' || type === 'object' ? JSON.stringify(value, null, 1) : value];
      }),
    );
    expect(ownRowToOp(device, { kind, local, revision, cells })).toEqual(op.value);
    rows += 1;
  }
  expect(rows).toBeGreaterThan(3);
});

it('leaves out what its own worker would set aside', () => {
  const cells = { content_session_id: 'c', prompt_number: 1, prompt_text: 'x', created_at: 'now', created_at_epoch: 1, project: 'p' };
  const row = { kind: 'prompt', local: '1', revision: '1', cells } as const;
  expect(ownRowToOp('d', row)).not.toBeNull();
  for (const bad of [{ prompt_text: null }, { prompt_number: -1 }, { created_at_epoch: 1.5 }, { content_session_id: ' ' }])
    expect(ownRowToOp('d', { ...row, cells: { ...cells, ...bad } })).toBeNull();
  expect(ownRowToOp('d', { ...row, revision: 'x' })).toBeNull();
});
