import { expect, it } from 'vitest';
import { createRowsOfSpace, memItem } from '../../src/gateways/claude-mem/rows-of-space.ts';
import { encodeRow } from '../../src/kinds/rows/row-body.ts';
import { createSmallSpace } from '../replica/small-space.ts';

it('gives what a row is and what it was as of one time, whatever comes while it is worked with', async () => {
  const { owner } = await createSmallSpace('rows of a space');
  const say = (name: string, title: string): Promise<unknown> =>
    owner.workspace.capture(
      [{ type: 'body', item: memItem(name), attributes: {}, body: encodeRow(new Map([['title', title]])), local: null }],
      { message: '', writer: 'test' },
    );
  const [looked, met] = ['claude-mem/observations/claude/s/1', 'claude-mem/observations/claude/s/2'];
  for (const name of [looked, met]) await say(name, 'before');
  const rows = createRowsOfSpace(owner.replica);
  const ahead = await rows.ahead([looked]);
  expect((await ahead.row(met))?.get('title')).toBe('before');
  for (const name of [looked, met]) await say(name, 'since');
  for (const name of [looked, met]) {
    expect((await ahead.row(name))?.get('title')).toBe('before');
    for (const way of ['said', 'versions'] as const) {
      const [now] = await ahead[way](name);
      expect((await ahead.rowOf(now!))?.get('title')).toBe('before');
    }
    expect((await rows.row(name))?.get('title')).toBe('since');
  }
});
