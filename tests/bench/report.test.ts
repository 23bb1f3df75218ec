import { describe, expect, it } from 'vitest';
import type { Measurement } from './peer.ts';
import { reportOf, reportToText } from './report.ts';
import type { Measurements } from './rounds.ts';

function steps(seconds: readonly number[], wireBytes: number | null) {
  const of = (): Measurement[] => seconds.map((each) => ({ seconds: each, cpuSeconds: each / 2, wireBytes }));
  return { firstSync: of(), noChange: of(), edit: of() };
}

describe('reportOf', () => {
  const measurements: Measurements = new Map([
    ['rsync -z', steps([9, 1, 2], 1000)],
    ['other', steps([4, 2], null)],
  ]);

  it('takes medians and ratios, and invents no figure', () => {
    const report = reportOf(measurements, ['rsync -z', 'restic'], ['restic']);
    expect(report.peers['rsync -z']?.edit).toEqual({ seconds: 2, cpuSeconds: 1, wireBytes: 1000 });
    expect(report.peers['other']?.edit).toEqual({ seconds: 3, cpuSeconds: 1.5, wireBytes: null });
    expect(report.ratios['other']).toMatchObject({ 'rsync -z': { edit: { seconds: 1.5, wireBytes: null } } });
    expect(Object.keys(report.ratios['other']!)).toEqual(['rsync -z']);
  });

  it('names what is not installed', () => {
    const text = reportToText(reportOf(measurements, ['rsync -z'], ['restic']));
    expect(text).toContain('Not installed, so not measured: restic');
    expect(text).toMatch(/^other +3\.000 +1\.500 +- /m);
    expect(text).toMatch(/^other +1\.50x +1\.50x +- /m);
  });
});
