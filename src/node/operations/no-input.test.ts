import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { noInput } from './no-input.ts';

describe('no input', () => {
  it('is judged as a strict object without fields is', () => {
    const schema = z.strictObject({});
    fc.assert(
      fc.property(fc.oneof(fc.constant({}), fc.jsonValue()), (value) => {
        const [ours, theirs] = [noInput.safeParse(value), schema.safeParse(value)];
        expect(ours.success).toBe(theirs.success);
        if (ours.success || theirs.success) return;
        expect(ours.error.issues.map(({ code, path }) => ({ code, path }))).toEqual(
          theirs.error.issues.map(({ code, path }) => ({ code, path })),
        );
        if (theirs.error.issues[0]?.code === 'unrecognized_keys')
          expect(ours.error.issues[0]?.message).toBe(theirs.error.issues[0].message);
      }),
    );
  });
});
