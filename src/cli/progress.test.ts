import { describe, expect, it } from 'vitest';
import { createProgress } from './progress.ts';

function setup(columns = 100) {
  let now = 1_000_000;
  const drawn: string[] = [];
  const progress = createProgress({ clock: { now: () => now }, write: (text) => drawn.push(text), columns: () => columns });
  return { progress, drawn, pass: (ms: number) => (now += ms) };
}

describe('createProgress', () => {
  it('shows nothing for what is done at once', () => {
    const { progress, drawn, pass } = setup();
    progress.start('Reading', 10);
    pass(200);
    progress.update(10);
    progress.stop();
    expect(drawn).toEqual([]);
  });

  it('shows share, amount, rate and time left, and takes it all away at the end', () => {
    const { progress, drawn, pass } = setup();
    progress.start('Reading', 10_000_000, 'bytes');
    pass(500);
    progress.update(2_500_000);
    expect(drawn).toEqual(['\rReading  [#####---------------]   25%  2.5 MB of 10 MB  5.0 MB/s  2.0 s left\u001b[K']);
    progress.stop();
    expect(drawn.at(-1)).toBe('\r\u001b[K');
  });

  it('shows the time that passes where nothing else is known', () => {
    const { progress, drawn, pass } = setup();
    progress.start('Working', null, 'time');
    pass(1500);
    progress.update(1500);
    expect(drawn).toEqual(['\rWorking  1.5 s\u001b[K']);
  });

  it('draws at most ten times a second', () => {
    const { progress, drawn, pass } = setup();
    progress.start('Reading', 10_000);
    for (let done = 0; done < 10_000; done++) {
      pass(1);
      progress.update(done);
    }
    expect(drawn.length).toBeGreaterThan(90);
    expect(drawn.length).toBeLessThanOrEqual(100);
  });

  it('keeps to the line, and survives unknown totals, empty parts and a clock set back', () => {
    const { progress, drawn, pass } = setup(12);
    progress.start('A label that is long', null);
    pass(1000);
    progress.update(5);
    pass(-5000);
    progress.update(6);
    progress.start('Nothing', 0);
    pass(1000);
    progress.update(0);
    for (const text of drawn) expect(text.replace('\r', '').replace('\u001b[K', '').length).toBeLessThanOrEqual(11);
    expect(drawn).toHaveLength(3);
  });
});
