import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { projectFolder } from './project-folder.ts';
import { findCwd, recordsBackwards, recordsOf } from './session-records.ts';
import { shownTime } from './shown-time.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('records of a transcript', () => {
  const body = bytes('{"a":1}\nnot json\n[2]\n"text"\n\n{"b":"\u00e9"}\n{"torn":');

  it('are whole lines that are objects', () => {
    expect([...recordsOf(body)]).toEqual([{ a: 1 }, { b: '\u00e9' }]);
    expect([...recordsOf(bytes(''))]).toEqual([]);
  });

  it('come backwards too, from any place that a body was cut at', () => {
    expect([...recordsBackwards(body)]).toEqual([{ b: '\u00e9' }, { a: 1 }]);
    expect([...recordsBackwards(body.subarray(3))]).toEqual([{ b: '\u00e9' }]);
    expect([...recordsBackwards(bytes('\n'))]).toEqual([]);
  });

  it('say which folder a session was started in, wherever it went later', () => {
    const moved = bytes('{"type":"queue-operation"}\n{"cwd":"/tmp"}\n{"cwd":"/home/a/x.y"}\n{"cwd":"/home/a/x-y"}\n');
    expect(findCwd(moved, '-home-a-x-y')).toBe('/home/a/x.y');
    expect(findCwd(moved, '-home-b')).toBeNull();
  });

  it('say it with their own first such path, whatever else is called so in them', () => {
    const path = fc.constantFrom('/a/b', '/a.b', '/a-b', '/c', '/é/\\"', `/long/${'x'.repeat(600)}`);
    const record = fc.oneof(
      fc.record({ cwd: fc.oneof(path, fc.constant(null), fc.constant(7)), text: fc.string() }, { requiredKeys: [] }),
      fc.record({ message: fc.record({ cwd: path }), cwd: path }, { requiredKeys: ['message'] }),
      path.map((cwd) => ({ text: JSON.stringify({ cwd }) })),
    );
    const line = fc.oneof(
      record.map((each) => JSON.stringify(each)),
      record.map((each) => JSON.stringify(each, null, 1).replaceAll('\n', '')),
      fc.constantFrom('', '[{"cwd":"/a/b"}]', '{"cwd":"/a/b"', '"cwd"', '{"cwd":"\\x"}'),
    );
    fc.assert(
      fc.property(fc.array(line), line, path, (lines, torn, wanted) => {
        const body = bytes([...lines, torn].join('\n'));
        const folder = projectFolder(wanted);
        const first = [...recordsOf(body)].find(({ cwd }) => typeof cwd === 'string' && projectFolder(cwd) === folder);
        expect(findCwd(body, folder)).toBe(first?.['cwd'] ?? null);
      }),
    );
  });
});

describe('the time that a transcript shows', () => {
  const now = Date.UTC(2026, 10, 21);
  const hour = 3_600_000;
  const shown = (time: number): number =>
    shownTime(bytes(`{"timestamp":"${new Date(time).toISOString()}"}\n{"type":"last-prompt"}\n{"timestamp":1}\n`), now) ?? Number.NaN;

  it('is that of the last record that has one, up to a day back, and never later than now', () => {
    expect(shown(now - hour)).toBe(now - hour);
    expect(shown(now + hour)).toBe(now);
  });

  it('keeps the order, and is always fresh', () => {
    const ages = [0, 1, 23, 24, 25, 48, 24 * 30, 24 * 365, 24 * 365 * 10].map((age) => shown(now - age * hour));
    expect(ages).toEqual(ages.toSorted((a, b) => b - a));
    expect(new Set(ages).size).toBe(ages.length);
    expect(now - Math.min(...ages)).toBeLessThan(5 * 24 * hour);
  });

  it('is not known without a record that has one', () => {
    expect(shownTime(bytes('{"a":1}\n{"timestamp":"soon"}\n'), now)).toBeNull();
  });
});
