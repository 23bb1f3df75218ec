import { describe, expect, it } from 'vitest';
import { createSpaceWriter, sealedObject, segment } from '../../../tests/contracts/space-writer.ts';
import { headAfter } from '../../core/log/record.ts';
import { createPace } from './pace.ts';

const writer = createSpaceWriter();
const small = segment(writer.chain(headAfter(writer.genesis), 1));

function setUp() {
  let now = 1_000_000;
  const slept: number[] = [];
  const clock = {
    now: () => now,
    async sleep(ms: number) {
      slept.push(ms);
      now += ms;
    },
  };
  return { pace: createPace(clock, 2_000), slept, pass: (ms: number) => (now += ms) };
}

describe('createPace', () => {
  it('keeps small segments an interval apart, and the first one not', async () => {
    const { pace, slept, pass } = setUp();
    await pace.wait(small);
    expect(slept).toEqual([]);
    pace.sent();
    pass(500);
    await pace.wait(small);
    expect(slept).toEqual([1_500]);
    pace.sent();
    pass(2_000);
    await pace.wait(small);
    expect(slept).toEqual([1_500]);
  });

  it.each([
    ['many records', segment(writer.chain(headAfter(writer.genesis), 32)), []],
    ['large objects', segment(small.records, [sealedObject(600_000)]), []],
    ['large objects that went ahead', small, [sealedObject(300_000), sealedObject(300_000)]],
  ])('does not keep %s waiting', async (_, large, ahead) => {
    const { pace, slept } = setUp();
    pace.sent();
    pace.brought(ahead);
    await pace.wait(large);
    expect(slept).toEqual([]);
    pace.sent();
    await pace.wait(small);
    expect(slept).toEqual([2_000]);
  });

  it('waits for no clock that jumped', async () => {
    const { pace, slept, pass } = setUp();
    pace.sent();
    pass(-3_600_000);
    await pace.wait(small);
    expect(slept).toEqual([]);
  });
});
