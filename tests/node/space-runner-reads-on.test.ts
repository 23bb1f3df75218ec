import { expect, it } from 'vitest';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { Replica } from '../../src/core/replica/replica.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { until } from '../e2e/machine.ts';
import { createSmallSpace } from '../replica/small-space.ts';
import { createPlainRunner } from './plain-runner.ts';

/** A runner whose applies, from `hold` on, wait for `letGo`; `applied` are the positions that they put in place. */
function startHeld(replica: Replica, remote: Remote) {
  const applied: number[] = [];
  let isHeld = false;
  let goOn = (): void => undefined;
  const runner = createPlainRunner(replica, remote, {
    async apply() {
      const { position } = replica;
      if (isHeld) await new Promise<void>((resolve) => (goOn = resolve));
      applied.push(position);
    },
  });
  runner.start();
  return {
    runner,
    applied,
    hold: (): void => void (isHeld = true),
    letGo: (): void => {
      isHeld = false;
      goOn();
    },
  };
}

it('reads what it hears of while something is put in place, and puts that in place next', async () => {
  const space = await createSmallSpace('reads-on');
  const other = await space.machine('other');
  await space.invite(other);
  const edit = async (name: string): Promise<void> => {
    await space.owner.write({ kind: 'text', name }, 'here\n');
    await syncWith(space.owner.replica, space.hub);
  };
  let tell: () => Promise<void> = () => Promise.resolve();
  const remote: Remote = {
    ...space.hub,
    watch: (_spaces, onHead, signal) =>
      new Promise((resolve) => {
        tell = async () => onHead(space.owner.replica.space, await space.owner.replica.head());
        void tell();
        signal.addEventListener('abort', () => resolve());
      }),
    close: () => Promise.resolve(),
  };
  const { runner, applied, hold, letGo } = startHeld(other.replica, remote);
  try {
    await until('it is in sync', () => runner.state.lastSync !== null);
    await runner.idle();
    hold();
    await edit('first');
    const first = space.owner.replica.position;
    await tell();
    await until('the first edit is replayed', () => other.replica.position === first);
    await edit('second');
    const second = space.owner.replica.position;
    await tell();
    await until('the second edit is replayed', () => other.replica.position === second);
    expect(applied).not.toContain(first);
    letGo();
    await until('the second edit is in place', () => applied.includes(second));
    expect(applied.slice(-2)).toEqual([first, second]);
    await runner.idle();
    expect(runner.state.problem).toBeNull();
  } finally {
    letGo();
    await runner.stop();
  }
});

it('replays what others append to a log that is kept here while something is put in place', async () => {
  const { owner, hub, ...space } = await createSmallSpace('kept-here', { keptBy: 'owner' });
  const other = await space.machine('other');
  await space.invite(other);
  await syncWith(other.replica, hub);
  const edit = async (name: string): Promise<void> => {
    await other.write({ kind: 'text', name }, 'there\n');
    await syncWith(other.replica, hub);
  };
  const { runner, applied, hold, letGo } = startHeld(owner.replica, hub);
  try {
    await until('it is in sync', () => runner.state.lastSync !== null);
    await runner.idle();
    hold();
    await edit('first');
    const first = other.replica.position;
    await until('the first edit is replayed', () => owner.replica.position === first);
    // By the time that it is heard of, it stands in our store, where no replay has seen it.
    await edit('second');
    const second = other.replica.position;
    await until('the second edit is replayed', () => owner.replica.position === second);
    letGo();
    await until('the second edit is in place', () => applied.includes(second));
  } finally {
    letGo();
    await runner.stop();
  }
});
