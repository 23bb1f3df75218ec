import { randomBytes } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import { headAfter } from '../../src/core/log/record.ts';
import type { SpaceId } from '../../src/core/ids.ts';
import { createSigningKey } from '../../src/core/crypto/signing.ts';
import { openFolderRemote } from '../../src/remotes/folder/open.ts';
import { createWriterOf, sealedObject, segment } from './space-writer.ts';
import { createTestClock } from './test-clock.ts';

/**
 * A program: appends to a space in a folder until it is killed, and notes what was acknowledged, a line a record:
 * `position hash`. Arguments: folder, space, notes.
 */
const [folder, space, notes] = process.argv.slice(2) as [string, SpaceId, string];
const remote = await openFolderRemote(folder, { clock: createTestClock(), random: { bytes: (length) => randomBytes(length) } });
const writer = createWriterOf(space, createSigningKey(randomBytes(32)));
const out = openSync(notes, 'a');
writeSync(out, 'started\n');
for (let turn = 0; ; turn += 1) {
  const head = await remote.head(space);
  if (head === null) throw new Error('the log is gone');
  const along = sealedObject(1 + (turn % 5) * 4_000);
  const before = sealedObject(500);
  if (turn % 3 === 0) await remote.putObjects(space, [before]);
  const first = writer.record(head, { objects: turn % 3 === 0 ? [along.id, before.id] : [along.id] });
  const records = [first, ...writer.chain(headAfter(first), turn % 4)];
  const outcome = await remote.append(space, head, segment(records, [along]));
  if (outcome.type === 'missing-objects') throw new Error('objects that were acknowledged are missing');
  if (outcome.type === 'appended') writeSync(out, records.map((record) => `${record.header.position} ${record.hash}\n`).join(''));
}
