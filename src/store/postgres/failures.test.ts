import { DatabaseError } from 'pg';
import { expect, it } from 'vitest';
import { StoreUnavailable } from '../../core/ports/store.ts';
import { explainFailure, isOutage } from './failures.ts';

const options = { host: 'db', port: 5432, database: 'satchel', user: 'ada', password: undefined, schema: 'satchel', tls: 'off' } as const;

function failureWith(code: string): DatabaseError {
  return Object.assign(new DatabaseError('could not extend file "base/1": No space left on device', 0, 'error'), { code });
}

it('a database without room is no database that is away: it says so, and is not asked again and again', () => {
  const error = failureWith('53100');
  expect(isOutage(error)).toBe(false);
  const explained = explainFailure(error, options);
  expect(explained).toBeInstanceOf(StoreUnavailable);
  expect(explained).toMatchObject({
    reason: 'full',
    message: expect.stringMatching(/^the disk of postgres:.* is full: .*No space left/) as string,
    remedy: expect.stringContaining('Make room') as string,
  });
  expect(isOutage(failureWith('53300'))).toBe(true); // too many connections
});
