import type { InputSchema } from './operation.ts';

/** An empty object, of operations that take nothing: judged as zod would, which takes 50 ms to load. */
export const noInput: InputSchema<object> = {
  safeParse(input) {
    if (typeof input !== 'object' || input === null || Array.isArray(input))
      return {
        success: false,
        error: { issues: [{ code: 'invalid_type', expected: 'object', path: [], message: 'expected object', input }] },
      };
    const keys = Object.keys(input);
    if (keys.length === 0) return { success: true, data: {} };
    const message = `Unrecognized key${keys.length === 1 ? '' : 's'}: ${keys.map((key) => `"${key}"`).join(', ')}`;
    return { success: false, error: { issues: [{ code: 'unrecognized_keys', keys, path: [], message, input: {} }] } };
  },
};
