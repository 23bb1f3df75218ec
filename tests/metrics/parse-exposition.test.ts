import { describe, expect, it } from 'vitest';
import { createCounter, createGauge, createHistogram, renderFamilies } from '../../src/node/metrics/registry.ts';
import { parseExposition, valueOf } from './parse-exposition.ts';

const noFailure = (family: string, error: unknown): never => {
  throw new Error(family, { cause: error });
};

describe('the reader of the tests', () => {
  it.each([
    ['no line break at the end', 'line break', '# HELP a_total x\n# TYPE a_total counter\na_total 1'],
    ['a sample without its family', 'not of the family', 'a_total 1\n'],
    ['a counter of another name', 'is a counter', '# HELP a x\n# TYPE a counter\na 1\n'],
    ['a series that comes twice', 'a series comes twice', '# HELP a x\n# TYPE a gauge\na 1\na 2\n'],
    ['a family that comes twice', 'a comes twice', '# HELP a x\n# TYPE a gauge\na 1\n# HELP a x\n# TYPE a gauge\na{b="c"} 1\n'],
    ['a quote in a label', 'bad labels', '# HELP a x\n# TYPE a gauge\na{b="c"d"} 1\n'],
    ['a value that is none', 'bad value', '# HELP a x\n# TYPE a gauge\na one\n'],
    [
      'buckets that fall',
      'do not add up',
      '# HELP a x\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
    ],
    ['buckets without an end', 'do not ascend', '# HELP a x\n# TYPE a histogram\na_bucket{le="1"} 2\na_sum 1\na_count 2\n'],
    ['a family without samples', 'no sample', '# HELP a x\n# TYPE a gauge\n'],
  ])('refuses %s', (_, message, text) => {
    expect(() => parseExposition(text)).toThrow(message);
  });
});

describe('what is written for Prometheus', () => {
  it('is read back as it was counted, whatever stands in labels', async () => {
    const counter = createCounter({ name: 'a_total', help: 'with \\ and\na break', labels: ['x', 'y'] });
    const odd = 'back\\slash "quote"\nbreak';
    counter.add(2, odd, '');
    counter.add(1.5, odd, '');
    const plain = createCounter({ name: 'b_total', help: 'from 0 on' });
    const histogram = createHistogram({ name: 'c_seconds', help: 'spread', labels: ['x'] }, [0.1, 1]);
    for (const value of [0.1, 0.5, 1, 7]) histogram.observe(value, 'p');
    const gauge = createGauge('d', 'big', () => 1e21);
    const unknown = createGauge('e', 'nobody knows', () => null);
    const families = parseExposition(await renderFamilies([counter, plain, histogram, gauge, unknown], noFailure));
    expect([...families.keys()]).toEqual(['a_total', 'b_total', 'c_seconds', 'd']);
    expect(families.get('a_total')?.samples).toEqual([{ name: 'a_total', labels: { x: odd, y: '' }, value: 3.5 }]);
    expect(valueOf(families, 'b_total')).toBe(0);
    expect(valueOf(families, 'c_seconds_bucket', { le: '0.1' })).toBe(1);
    expect(valueOf(families, 'c_seconds_bucket', { le: '1' })).toBe(3);
    expect(valueOf(families, 'c_seconds_count', { x: 'p' })).toBe(4);
    expect(valueOf(families, 'c_seconds_sum')).toBe(8.6);
    expect(valueOf(families, 'd')).toBe(1e21);
  });

  it('leaves out what cannot be looked up, and says so', async () => {
    const missing: string[] = [];
    const broken = createGauge('a', 'away', () => Promise.reject(new Error('away')));
    const text = await renderFamilies([broken, createGauge('b', 'here', () => 1)], (family) => missing.push(family));
    expect([...parseExposition(text).keys()]).toEqual(['b']);
    expect(missing).toEqual(['a']);
  });
});
