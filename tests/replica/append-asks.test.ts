import { beforeEach, expect, it, vi } from 'vitest';
import { sha256 } from '../../src/core/crypto/hash.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { createSmallSpace, type SmallMachine } from './small-space.ts';

const SESSION = { kind: 'transcript', name: 'projects/p-1/1b4e28ba-2fa1-41d2-883f-0016d3cca427.jsonl' };

let owner: SmallMachine;
let body: string;

beforeEach(async () => {
  const space = await createSmallSpace('appends');
  owner = space.owner;
  body = '{"n":0}\n';
  await owner.write(SESSION, body);
  await syncWith(owner.replica, owner.hub);
  await owner.apply();
});

/** What a source does with each line that a file grows by, and what follows: looks, captures, sends, and finds nothing to put in place. */
async function appendLine(line: string): Promise<void> {
  const view = [...(await owner.workspace.views([SESSION.name])).values()][0];
  const baseSize = view?.shown?.size ?? 0;
  const [tail, whole] = [Buffer.from(line), Buffer.from(body + line)];
  const found = { type: 'tail', item: SESSION, attributes: {}, baseSize, tail, sha256: sha256(whole), local: null } as const;
  expect(await owner.workspace.capture([found], { message: '', writer: 'test' })).toMatchObject({ changes: 1, refused: [] });
  expect(await syncWith(owner.replica, owner.hub, undefined, true)).toMatchObject({ pushed: 1, pulled: 0 });
  await owner.replica.head(); // as whoever hears of it on the live stream
  expect(await owner.workspace.outstanding()).toEqual([]);
  body += line;
}

it('asks the store for no more than it must with each line that a session grows by', async () => {
  await appendLine('{"n":1}\n');
  const reads = vi.spyOn(owner.deps.store, 'read');
  const writes = vi.spyOn(owner.deps.store, 'write');
  for (let n = 2; n < 12; n += 1) await appendLine(`{"n":${n}}\n`);
  // The view, and whether the draft's id is in the log; the draft with its view, and the record with its state.
  expect([reads.mock.calls.length, writes.mock.calls.length]).toEqual([20, 20]);
  expect(await owner.read(SESSION)).toBe(body);
});

it('knows where the log ends after own records, and looks again where somebody else wrote to it', async () => {
  await appendLine('{"n":1}\n');
  const { replica, deps } = owner;
  const looked = await deps.store.read((tx) => tx.logs.head(replica.space));
  const reads = vi.spyOn(deps.store, 'read');
  expect(await replica.head()).toEqual(looked);
  expect(reads).not.toHaveBeenCalled();
  await deps.store.write((tx) => tx.logs.fallBack(replica.space, 0));
  expect((await replica.head())?.position).toBe(0);
});
