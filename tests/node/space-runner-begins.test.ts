import { expect, it } from 'vitest';
import type { Remote } from '../../src/core/ports/remote.ts';
import { writeCheckpoint } from '../../src/core/replica/late-join.ts';
import { Replica } from '../../src/core/replica/replica.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { until } from '../e2e/machine.ts';
import { createSmallSpace } from '../replica/small-space.ts';
import { createPlainRunner } from './plain-runner.ts';

it('begins with the checkpoint where nothing of the log is here, and does not read the log from its genesis beside it', async () => {
  const small = await createSmallSpace('begins');
  const { owner, hub } = small;
  for (let i = 0; i < 5; i += 1) await owner.write({ kind: 'text', name: `file-${i}` }, 'here\n');
  await syncWith(owner.replica, hub);
  const late = await small.machine('late');
  await small.invite(late);
  expect(await writeCheckpoint(owner.replica, hub)).toBe(true);
  const { space, position } = owner.replica;
  const reads: number[] = [];
  const remote: Remote = {
    ...hub,
    read(id, from, limit) {
      reads.push(from);
      return hub.read(id, from, limit);
    },
    async getObjects(...asked) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return hub.getObjects(...asked);
    },
    close: () => Promise.resolve(),
  };
  const replica = Replica.create(late.deps, space);
  replica.setRemote(remote);
  const runner = createPlainRunner(replica, remote);
  runner.start();
  try {
    await runner.syncNow();
    expect(reads[0]).toBe(position); // the record that the checkpoint names, before any other
    expect(await replica.list()).toEqual(await owner.replica.list());
    await until('the history is here', async () => (await replica.notes.backfill()) === null);
    expect(await replica.list()).toEqual(await owner.replica.list());
  } finally {
    await runner.stop();
  }
});
