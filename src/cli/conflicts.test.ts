import { expect, it } from 'vitest';
import { describeConflict, type Conflict } from './conflicts.ts';
import { createStyle } from './output-style.ts';

const time = '2026-11-20T10:00:00Z';
const conflict: Conflict = {
  item: 'claude-mem/observations/claude/s1/ab',
  kind: 'claude-mem',
  sibling: '620358b2'.repeat(8),
  size: 276,
  position: 4,
  machine: 'bea',
  time,
  current: { size: 280, machine: 'ana', time },
  lacks: null,
  title: 'Upload retry\nwaits',
  columns: ['title', 'facts'],
};

it('says which memory a row is, and in which columns its versions differ', () => {
  const context = { style: createStyle(false), clock: { now: () => Date.parse(time) } } as Parameters<typeof describeConflict>[0];
  const [name, inPlace, beside] = describeConflict(context, [conflict]);
  expect(name).toBe('claude-mem/observations/claude/s1/ab  Upload retry');
  expect(inPlace).toMatch(/^ {2}in place {2}280 B, by ana/);
  expect(beside).toMatch(/^ {2}620358b2 {2}276 B, by bea, .*; differs in title, facts$/);
  const whole = describeConflict(context, [{ ...conflict, title: null, columns: null, lacks: { keys: ['facts'], lines: 0 } }]);
  expect([whole[0], whole[2]]).toEqual(['claude-mem/observations/claude/s1/ab', expect.stringMatching(/; lacks facts$/)]);
});
