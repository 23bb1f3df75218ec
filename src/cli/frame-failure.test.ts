import { describe, expect, it } from 'vitest';
import { EXIT } from './exit-codes.ts';
import { parseIdentity } from '../node/machine-identity.ts';
import { failureOf } from './frame-failure.ts';

function systemError(code: string, path?: string): Error {
  return Object.assign(new Error(`${code}: raw words of the system, mkdir '${path}'`), { code, ...(path === undefined ? {} : { path }) });
}

describe('what the system refuses', () => {
  it.each([
    ['EACCES', /^this user has no access to "\/h\/\.satchel" \(EACCES\)$/],
    ['EPERM', /^this user has no access to "\/h\/\.satchel" \(EPERM\)$/],
    ['EROFS', /^"\/h\/\.satchel" is on a file system that is read-only$/],
    ['ENOTDIR', /^a folder is needed for "\/h\/\.satchel", and a file stands in its place$/],
    ['EISDIR', /^a file is needed at "\/h\/\.satchel", and a folder stands there$/],
  ])('%s of a path is wrong use, with the path and what to do', (code, says) => {
    const { exit, type, message, next } = failureOf(systemError(code, '/h/.satchel'), 'up');
    expect({ exit, type, next: next !== undefined && !next.includes('doctor') }).toEqual({ exit: EXIT.usage, type: code, next: true });
    expect(message).toMatch(says);
  });

  it('is a failure elsewhere, and out of reach on the network', () => {
    expect(failureOf(systemError('EIO', '/h/x'), 'up').exit).toBe(EXIT.failed);
    expect(failureOf(systemError('EACCES'), 'up').exit).toBe(EXIT.failed);
    expect(failureOf(systemError('ECONNREFUSED'), 'up').exit).toBe(EXIT.unreachable);
  });
});

describe('a damaged file of keys', () => {
  it('is no bug: it is named, without a stack, with what leads out', () => {
    const thrown = ((): unknown => {
      try {
        return parseIdentity('{"bad', '/h/.satchel/keys/machine.json');
      } catch (error) {
        return error;
      }
    })();
    const { exit, type, message, next } = failureOf(thrown, 'status');
    expect({ exit, type }).toEqual({ exit: EXIT.failed, type: 'damaged-key' });
    expect(message).toMatch(/^\/h\/\.satchel\/keys\/machine\.json is damaged: [^\n]*$/);
    expect(next).toMatch(/satchel join LINK, or satchel keys recover/);
  });
});
