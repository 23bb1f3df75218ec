import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createApiToken, findApiToken, isAllowed } from './api-tokens.ts';

const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

describe('api tokens', () => {
  it('are found by themselves, and stored as a hash', () => {
    const tokens = [createApiToken(['node:read'], random), createApiToken(['node:write'], random)];
    const stored = tokens.map((token) => token.stored);
    for (const { token, stored: own } of tokens) {
      expect(findApiToken(token, stored)).toBe(own);
      expect(JSON.stringify(own)).not.toContain(token);
    }
    for (const wrong of ['', 'token_', `${tokens[0]?.token}x`, stored[0]?.hash ?? '']) expect(findApiToken(wrong, stored)).toBeNull();
  });

  it('may look, or change too', () => {
    const [read, write, none] = [['node:read'], ['node:write'], []].map((scopes) => ({
      id: '',
      hash: '',
      scopes: scopes as ('node:read' | 'node:write')[],
    }));
    const methods = ['GET', 'HEAD', 'POST', 'DELETE'];
    expect(methods.map((method) => isAllowed(read!, method))).toEqual([true, true, false, false]);
    expect(methods.map((method) => isAllowed(write!, method))).toEqual([true, true, true, true]);
    expect(methods.map((method) => isAllowed(none!, method))).toEqual([false, false, false, false]);
  });
});
