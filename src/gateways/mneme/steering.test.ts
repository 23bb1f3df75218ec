import { describe, expect, it } from 'vitest';
import { begin, end, IDLE, list, NO_SESSIONS, push, type Steer, type Step } from './steering.ts';

const HOUR = 3_600_000;

/** Plays what a client does: `P` begins, `X` begins without the lock, `L` lists, `S` lists where it pushed, `W` is kept, `R` is not, `E` ends, `.` is an hour. */
function play(acts: string, has: readonly string[] = ['log.jsonl']): { readonly steers: Steer[]; readonly step: Step } {
  let step: Step = { sessions: NO_SESSIONS, progress: IDLE };
  let now = 1_750_000_000_000;
  const steers: Steer[] = [];
  for (const act of acts) {
    if (act === '.') now += HOUR;
    if (act === 'P' || act === 'X') step = begin(step, now, act === 'P');
    if (act === 'W' || act === 'R') step = push(step, 'log.jsonl', act === 'W');
    if (act === 'E') step = end(step, has);
    if (act !== 'L' && act !== 'S') continue;
    const { steer, ...next } = list(step, act === 'S');
    steers.push(steer);
    step = next;
  }
  return { steers, step };
}

describe('a client', () => {
  it.each<[string, string, Steer[]]>([
    ['is not known at first', 'PL', ['keep']],
    ['takes what is new after a session that pushed', 'PLLWE PL', ['keep', 'push', 'take']],
    ['takes nothing after one that did not end', 'PLLWE PL PL', ['keep', 'push', 'take', 'keep']],
    ['nor after one whose push was lost', 'PLLRE PL', ['keep', 'push', 'keep']],
    ['nor after one that pushed less than it has', 'PLLE PL', ['keep', 'push', 'keep']],
    ['nor after one that was not asked for everything', 'PLWE PL', ['keep', 'keep']],
    ['pushes everything, with or without the lock', 'XLWE PL', ['push', 'take']],
    ['that looks in the midst of its push sees what is', 'PLLWS', ['keep', 'push', 'none']],
    ['is told the same whichever session asks in the midst of a push', 'PLLWL', ['keep', 'push', 'push']],
    ['takes nothing while another session may write', 'PLPLLWE PL', ['keep', 'keep', 'push', 'keep']],
    ['takes again once both have ended', 'PLPLLWELWE PL', ['keep', 'keep', 'push', 'push', 'take']],
    ['takes again long after one that never ended', 'PLPLLWE ............ PL', ['keep', 'keep', 'push', 'take']],
  ])('%s', (_, acts, steers) => expect(play(acts).steers).toEqual(steers));

  it('remembers so many sessions that never ended, no more', () => {
    expect(play('PL'.repeat(100)).step.sessions.begun).toHaveLength(32);
  });
});
