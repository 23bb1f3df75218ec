import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { inSmallHeap } from './small-heap.ts';

const [SMALL, FREE] = ['--heap-growing-percent=40', '--heap-growing-percent=0'];

describe('a small heap', () => {
  it('lasts as long as any work that asked for it', async () => {
    const flags: string[] = [];
    const set = (flag: string): void => void flags.push(flag);
    let end = (): void => undefined;
    const long = inSmallHeap(() => new Promise<void>((resolve) => (end = resolve)), set);
    expect(await inSmallHeap(() => Promise.resolve('done'), set)).toBe('done');
    expect(flags).toEqual([SMALL]);
    end();
    await long;
    expect(flags).toEqual([SMALL, FREE]);
  });

  it('ends with work that fails', async () => {
    const flags: string[] = [];
    const failing = inSmallHeap(
      () => Promise.reject(new Error('no')),
      (flag) => void flags.push(flag),
    );
    await expect(failing).rejects.toThrow('no');
    expect(flags).toEqual([SMALL, FREE]);
  });

  it('is asked for by a flag that V8 has', () => {
    // A flag that it does not know is no error to it.
    expect(execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' })).toContain('--heap-growing-percent ');
  });
});
