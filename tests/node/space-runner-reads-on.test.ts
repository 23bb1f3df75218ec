import { expect, it } from 'vitest';
import type { Remote } from '../../src/core/ports/remote.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import type { HubLog } from '../../src/gateways/native/hub-app.ts';
import { SpaceRunner } from '../../src/node/space-runner.ts';
import { createSystemClock, createSystemRandom } from '../../src/node/system.ts';
import { createSmallSpace } from '../replica/small-space.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as HubLog;

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
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
  const applied: number[] = [];
  let isHeld = false;
  let letGo = (): void => undefined;
  const runner = new SpaceRunner({
    replica: other.replica,
    clock: createSystemClock(),
    random: createSystemRandom(),
    log: SILENT,
    openRemote: () => Promise.resolve(remote),
    async apply() {
      const { position } = other.replica;
      if (isHeld) await new Promise<void>((resolve) => (letGo = resolve));
      applied.push(position);
    },
  });
  runner.start();
  try {
    await until(() => runner.state.lastSync !== null);
    await runner.idle();
    isHeld = true;
    await edit('first');
    const first = space.owner.replica.position;
    await tell();
    await until(() => other.replica.position === first);
    await edit('second');
    const second = space.owner.replica.position;
    await tell();
    await until(() => other.replica.position === second);
    expect(applied).not.toContain(first);
    isHeld = false;
    letGo();
    await until(() => applied.includes(second));
    expect(applied.slice(-2)).toEqual([first, second]);
    await runner.idle();
    expect(runner.state.problem).toBeNull();
  } finally {
    letGo();
    await runner.stop();
  }
});
