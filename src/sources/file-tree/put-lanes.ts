import { BodyUnavailable, type Outstanding } from '../../core/replica/workspace.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { TreeContext } from './context.ts';
import { FULL, inTurn, type Tally } from './in-turn.ts';
import { localState } from './local-state.ts';
import { putInPlace, type ReadyPut } from './put-in-place.ts';
import type { Lane, PutSupply } from './put-supply.ts';
import { readyPut, type PutOutstanding } from './ready-puts.ts';
import { postpone } from './retries.ts';
import { diskPath } from './tree-memory.ts';

/**
 * Puts in place what the supply has, each lane by itself; one that had nothing to do begins as soon as the other found
 * something for it. `outdated` gets what must be captured first. Throws what went wrong first, when both have ended.
 */
export async function putLanes(context: TreeContext, supply: PutSupply, outdated: Outstanding[], tally: Tally): Promise<void> {
  const running = new Map<Lane, Promise<void>>();
  const begin = (lane: Lane): void => {
    if (running.has(lane) || !supply.has(lane)) return;
    const work = putLane(context, supply, lane, () => begin(other(lane)), outdated, tally).finally(() => running.delete(lane));
    work.catch(() => undefined); // thrown where it is awaited
    running.set(lane, work);
  };
  begin('small');
  begin('large');
  const failures: unknown[] = [];
  while (running.size > 0) {
    const outcomes = await Promise.allSettled(running.values());
    for (const outcome of outcomes) if (outcome.status === 'rejected') failures.push(outcome.reason);
  }
  if (failures.length > 0) throw failures[0];
}

function other(lane: Lane): Lane {
  return lane === 'small' ? 'large' : 'small';
}

/**
 * While one batch is written the next is made ready, and the bodies of the one after it are on their way. Ends when nothing
 * came while the last was written.
 */
async function putLane(
  context: TreeContext,
  supply: PutSupply,
  lane: Lane,
  onLook: () => void,
  outdated: Outstanding[],
  tally: Tally,
): Promise<void> {
  const nothing: Promise<Result<null, unknown>> = Promise.resolve(ok(null));
  let writing = nothing;
  const arrive = async (): Promise<Result<readonly PutOutstanding[] | null, unknown>> => {
    try {
      const batch = await supply.next(lane);
      onLook();
      const arrived = await prefetch(context, batch ?? []);
      return arrived.ok ? ok(batch) : arrived;
    } catch (error) {
      return fail(error);
    }
  };
  let coming = arrive();
  try {
    for (;;) {
      const arrived = await coming;
      if (!arrived.ok) throw arrived.error;
      const batch = arrived.value;
      if (batch === null && writing === nothing) return;
      if (batch !== null) coming = arrive();
      const ready = await makeReady(context, batch ?? [], outdated, tally);
      const written = await writing;
      if (!written.ok) throw written.error;
      writing = batch === null ? nothing : settled(putReady(context, ready, outdated, tally));
      if (batch === null) coming = arrive();
    }
  } finally {
    await Promise.all([writing, coming]);
  }
}

async function makeReady(
  context: TreeContext,
  batch: readonly PutOutstanding[],
  outdated: Outstanding[],
  tally: Tally,
): Promise<ReadyPut[]> {
  const ready: ReadyPut[] = [];
  for (const outstanding of batch) {
    const put = await readyPut(context, outstanding, await localState(context, outstanding));
    if (put.ok) ready.push(put.value);
    else if (put.error.type === 'capture-first') outdated.push(outstanding);
    else if (put.error.type === 'wait') postpone(context, outstanding.item.name, put.error.reason, put.error.lacksBody);
    else await declareNotHere(context, [{ outstanding, reason: put.error.reason }], tally);
  }
  return ready;
}

async function putReady(context: TreeContext, ready: readonly ReadyPut[], outdated: Outstanding[], tally: Tally): Promise<void> {
  if (tally.full) {
    for (const { outstanding } of ready) postpone(context, outstanding.item.name, FULL.error.message);
    return;
  }
  await makeFolders(context, ready);
  tally.written += await inTurn(context, ready, outdated, tally, (put) => putInPlace(context, put));
}

/** Never rejects: it is waited for later. */
function settled(work: Promise<void>): Promise<Result<null, unknown>> {
  return work.then(
    () => ok(null),
    (error: unknown) => fail(error),
  );
}

/** Of what is new. A problem shows again where the file is written, which says it. */
async function makeFolders({ files, memory }: TreeContext, ready: readonly ReadyPut[]): Promise<void> {
  const paths = ready.flatMap(({ stat, outstanding }) => (stat === null ? [diskPath(memory, outstanding.item.name)] : []));
  const folders = new Set(paths.map((path) => path.slice(0, Math.max(0, path.lastIndexOf('/')))));
  for (const folder of folders) if (folder !== '') await files.makeFolder(folder);
}

/** Never rejects: it is waited for later. */
async function prefetch(context: TreeContext, batch: readonly PutOutstanding[]): Promise<Result<null, unknown>> {
  try {
    if (batch.length > 0) await context.workspace.prefetch(batch.map(({ content }) => content));
    return ok(null);
  } catch (error) {
    // Those that are there are put in place all the same; each missing one gets its own reason when it is read.
    return error instanceof BodyUnavailable ? ok(null) : fail(error);
  }
}

export async function declareNotHere(
  context: TreeContext,
  items: readonly { readonly outstanding: Outstanding; readonly reason: string }[],
  tally: Tally,
): Promise<void> {
  await context.workspace.notHere(items.map(({ outstanding, reason }) => ({ item: outstanding.item, reason })));
  for (const { outstanding, reason } of items) tally.notHere.push({ name: outstanding.item.name, reason });
}
