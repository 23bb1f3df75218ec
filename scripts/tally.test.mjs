import { describe, expect, it } from 'vitest';
import { tally } from './tally.mjs';

const passing = { name: 'a.test.ts', status: 'passed', assertionResults: [{ status: 'passed' }] };
const failing = { name: 'b.test.ts', status: 'failed', assertionResults: [{ status: 'failed' }] };
const unloadable = { name: 'c.test.ts', status: 'failed', assertionResults: [] };

function report(counts, testResults) {
  return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, ...counts, testResults };
}

describe('tally', () => {
  it('counts tests', () => {
    expect(tally(report({ numPassedTests: 1, numFailedTests: 1 }, [passing, failing]), 1)).toMatchObject({ passed: 1, failed: 1 });
    expect(tally(report({ numPassedTests: 1 }, [passing]), 0)).toEqual({ passed: 1, failed: 0, notes: [] });
  });

  it('counts a file that did not load as a failure', () => {
    expect(tally(report({ numPassedTests: 1 }, [passing, unloadable]), 1)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('counts a bad ending without a failed test as a failure', () => {
    expect(tally(report({ numPassedTests: 1 }, [passing]), 1)).toMatchObject({ passed: 1, failed: 1 });
    expect(tally(null, 137)).toMatchObject({ passed: 0, failed: 1 });
  });

  it('counts no tests at all as a failure, and names skipped ones', () => {
    expect(tally(report({}, []), 0)).toMatchObject({ passed: 0, failed: 1 });
    expect(tally(report({ numPassedTests: 1, numPendingTests: 2 }, [passing]), 0).notes).toEqual(['2 skipped']);
  });
});
