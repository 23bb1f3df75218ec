import { describe, expect, it } from 'vitest';
import type { Version } from '../../core/merge/kind.ts';
import { textKind } from '../text/text.ts';
import { laterPlanStands } from './later-plan.ts';

const kind = laterPlanStands(textKind);
const text = (body: string, attributes = {}): Version => ({ body: new Uint8Array(Buffer.from(body)), attributes });
const merge = (name: string, base: Version | null, theirs: Version, ours: Version): unknown => kind.merge({ name, base, theirs, ours });

describe('two versions of a plan', () => {
  const [base, theirs, ours] = [text('1\n2\n3\n'), text('one\n2\n3\n'), text('1\n2\nthree\n')];

  it('merge where they can', () => {
    expect(merge('plans/x.md', base, theirs, ours)).toEqual({ type: 'merged', version: text('one\n2\nthree\n') });
  });

  it('are the later one where not, with or without a base', () => {
    const other = text('uno\n2\n3\n');
    for (const from of [base, null]) expect(merge('plans/x.md', from, theirs, other)).toEqual({ type: 'merged', version: other });
  });

  it('are a conflict as any, where one is a link, or it is no plan', () => {
    expect(merge('plans/x.md', base, theirs, text('../CLAUDE.md', { link: true }))).toMatchObject({ type: 'conflict' });
    expect(merge('CLAUDE.md', base, theirs, text('uno\n2\n3\n'))).toMatchObject({ type: 'conflict' });
  });
});
