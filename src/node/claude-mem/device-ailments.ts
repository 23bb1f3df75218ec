import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { rowId } from '../../gateways/claude-mem/schema.ts';
import { GATEWAY_DEVICE } from '../../gateways/claude-mem/make-op.ts';
import { doubledBy, subjectOf } from '../../gateways/claude-mem/subject.ts';
import type { FeedMark } from '../../core/ports/feeds.ts';
import { counted } from '../counted.ts';
import { payloadOf } from './adopt-served.ts';
import { markRows } from '../../sources/claude-mem/mark-rows.ts';
import { readOwnRows, readStandingRows } from '../../sources/claude-mem/own-rows.ts';
import { blockedBy, needsStopped, type Ailment, type Repaired } from '../../sources/claude-mem-health/ailment.ts';
import { userOf } from '../../sources/claude-mem-health/holders.ts';
import { keepDatabase } from '../../sources/claude-mem-health/keep-copy.ts';
import { changeIn, columnsOf, countOf, lookInto } from '../../sources/claude-mem-health/mem-tables.ts';
import { compareRows, knownOtherwise, marksOf, TABLE_OF_KIND, type Compared, type ToldFeed } from './compare-rows.ts';
import { raiseRows } from './raise-taken.ts';
import { keepSettings, writeDeviceId } from './settings-edit.ts';

export interface DeviceLook {
  /** claude-mem.db */
  readonly file: string;
  readonly settings: string;
  /** Of the worker, and how its user’s feed stands. */
  readonly device: string;
  readonly feed: ToldFeed;
  /** Under which names the device was heard here. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The feed tells of all that is known to be deleted: of one that is behind the space, or that only others fill, that is not known. */
  readonly isSettled: boolean;
  /** Where the feed is: takes in that nobody here uses the device id any more. */
  readonly renamed?: () => Promise<void>;
}

/** Device ids that more than one database uses, and rows of which the feed says otherwise than the worker. */
export async function findDeviceAilments(look: DeviceLook): Promise<Ailment[]> {
  const compared = await compareRows(look.file, look.device, look.feed);
  const { others, edited } = compared;
  const names = look.names.length > 1 ? [`this device id was heard under the names ${look.names.join(', ')}`] : [];
  if (others.length > 0 || names.length > 0) {
    const isAnew = names.length === 0 && isMadeAnew(look, compared);
    return [
      {
        id: 'device-id',
        result: 'fail',
        severity: 'high',
        reason: isAnew
          ? 'claude-mem’s database is not the one whose rows were synced under its device id: it was made anew, or the settings are another machine’s; what it would send is refused'
          : 'another database syncs under the same device id as this one: its settings were copied, and each blocks the other',
        evidence: [
          ...names,
          ...(others.length > 0
            ? [`${counted(others.length, 'row is another one', 'rows are others')} here than under the same name in the feed`]
            : []),
        ],
        would: [
          ...needsStopped(look.file),
          'give claude-mem on this machine a device id of its own',
          'mark the rows that the feed has under another id, or number, as what they are: synced from there',
          'have the rows that only this machine has sent again, under the new id',
        ],
        advice: null,
        repair: (backups) => renameDevice(look, backups),
      },
    ];
  }
  if (edited.length === 0) return lookForLost(look);
  return [
    {
      id: 'revisions',
      result: 'fail',
      severity: 'high',
      reason: 'claude-mem would push states of rows under revisions that are taken, and its hub refuses all behind them',
      evidence: [`${counted(edited.length, 'row is', 'rows are')} at a revision that the feed has in another state, or is past`],
      would: [
        ...needsStopped(look.file),
        `give ${counted(edited.length, 'row a revision', 'rows revisions')} above what is taken, and have ${edited.length === 1 ? 'it' : 'them'} sent again`,
      ],
      advice: null,
      repair: (backups) => raiseRevisions(look, backups),
    },
  ];
}

/** Whether most of what was pushed under this device id is not where it was pushed from. O(feed). */
function isMadeAnew({ device, feed: { index } }: DeviceLook, { shared, edited }: Compared): boolean {
  let pushed = 0;
  for (const entity of index.entities())
    if ((index.newest(entity)?.subject ?? '') !== '' && index.of(entity).some(({ origin }) => origin === device)) pushed += 1;
  return 2 * (shared.length + edited.length) <= pushed;
}

/** A database that is not the one that pushed: clients pass over what their own id made, so that nothing brings it back. O(feed + rows). */
function lookForLost(look: DeviceLook): Ailment[] {
  const { file, device } = look;
  const { index } = look.feed;
  const queued = queuedEntities(file);
  if (queued === null) return []; // there is none, or none that syncs: the worker has not made it yet
  const there = new Set(queued);
  for (const page of readOwnRows(file)) for (const { kind, local } of page) there.add(rowId(kind, device, local));
  let pushed = 0;
  const gone: FeedMark[] = [];
  for (const entity of index.entities()) {
    const newest = index.newest(entity);
    if (newest === undefined || newest.subject === '' || !index.of(entity).some(({ origin }) => origin === device)) continue;
    pushed += 1;
    if (!there.has(entity)) gone.push(newest);
  }
  // Of what is there as another's, its client passes over what becomes of it.
  const marked = countMarked(file, device);
  if (marked === 0 && 2 * gone.length <= pushed) return look.isSettled ? lookForMissing(look, gone, pushed) : [];
  return [
    {
      ...lostRows(look, gone.length, pushed),
      result: 'fail',
      severity: 'high',
      reason: 'claude-mem’s database is not the one that its rows were synced from, and its own sync does not bring those back',
      ...(marked === 0
        ? {}
        : { evidence: [missingText(gone.length, pushed), `${counted(marked, 'row is', 'rows are')} there under another number`] }),
      advice: null,
    },
  ];
}

/** Fewer: another program may have deleted them beside the worker, as somebody wanted, or a backup was put back. O(rows) where there are any. */
function lookForMissing(look: DeviceLook, gone: readonly FeedMark[], pushed: number): Ailment[] {
  const told = gone.filter((mark) => doubledBy(mark) === null);
  if (told.length === 0) return [];
  // A row that stands there by another number or device, as one that a repair removed the double of, is none that went.
  const standing = new Set<string>();
  for (const page of readStandingRows(look.file))
    for (const row of page) {
      const payload = payloadOf(row);
      if (payload !== null) standing.add(subjectOf(row.kind, payload));
    }
  const missing = told.filter(({ subject }) => !standing.has(subject)).length;
  if (missing === 0) return [];
  return [
    {
      ...lostRows(look, missing, pushed),
      result: 'warn',
      severity: 'low',
      reason: 'rows that were synced under claude-mem’s device id are not in its database, and its own sync does not bring them back',
      advice:
        'Where another program deleted them as you wanted: satchel claude-mem connect tells the others. Where they are lost, they come back by: satchel claude-mem repair lost-rows',
      isToBeNamed: true,
    },
  ];
}

function lostRows(look: DeviceLook, missing: number, pushed: number): Pick<Ailment, 'id' | 'evidence' | 'would' | 'repair'> {
  return {
    id: 'lost-rows',
    evidence: [missingText(missing, pushed)],
    would: [
      ...needsStopped(look.file),
      'give claude-mem on this machine another device id, for which they are rows of another device',
      'have it read everything again that is served',
    ],
    repair: (backups) => renameDevice(look, backups),
  };
}

function missingText(missing: number, pushed: number): string {
  return `${missing} of ${counted(pushed, 'row')} that this device pushed and nobody deleted are not there`;
}

/** Rows that are there as synced from this very device. */
function countMarked(file: string, device: string): number {
  const count = lookInto(file, (database) =>
    Object.values(TABLE_OF_KIND)
      .filter((table) => columnsOf(database, table).has('origin_device_id'))
      .reduce((sum, table) => sum + countOf(database, `SELECT count(*) FROM ${table} WHERE origin_device_id = ?`, device), 0),
  );
  return count ?? 0;
}

/** Rows of which the worker has something to push, as that they were deleted. `null`: the database has no such queue. */
function queuedEntities(file: string): string[] | null {
  return lookInto(file, (database) =>
    columnsOf(database, 'sync_content_outbox').has('entity_id')
      ? database.prepare<[], string>('SELECT entity_id FROM sync_content_outbox').pluck().all()
      : null,
  );
}

async function renameDevice(look: DeviceLook, backups: string): Promise<Repaired> {
  const { file, settings, device } = look;
  const user = userOf(file);
  if (user !== null) return blockedBy(user);
  const backup = await keepDatabase(file, backups, 'claude-mem');
  await keepSettings(settings, path.join(backups, 'settings.json'));
  const { shared, edited, others, fresh } = await compareRows(file, device, look.feed);
  // What the gateway tells itself becomes the device’s that pushes it.
  const otherwise = (await knownOtherwise([...others, ...fresh], look.feed)).filter(({ told }) => told.device !== GATEWAY_DEVICE);
  markRows(file, marksOf(otherwise), look.now);
  // The database first: with the old id in the settings none of this does harm, and the repair is still called for.
  changeIn(file, (database) => {
    for (const { table, local } of [...shared, ...edited])
      database
        .prepare(
          `UPDATE OR IGNORE ${table} SET origin_device_id = ?, origin_local_id = CAST(id AS TEXT) WHERE id = ? AND origin_device_id IS NULL`,
        )
        .run(device, local);
    for (const table of Object.values(TABLE_OF_KIND)) database.exec(`UPDATE ${table} SET synced_at = NULL WHERE origin_device_id IS NULL`);
    database.prepare(`DELETE FROM sync_content_outbox WHERE json_valid(body) AND json_extract(body, '$.origin_device_id') = ?`).run(device);
    database.prepare('UPDATE sync_outbox SET canonical_body = NULL, operation_sha256 = NULL').run();
    // What the other database pushed was passed over as this one's own.
    database.prepare("UPDATE sync_state SET v = '0' WHERE k = 'cursor'").run();
  });
  const renamed = await writeDeviceId(settings, randomUUID());
  if (!renamed.ok)
    return { type: 'blocked', reason: `settings.json was left alone: ${renamed.error}`, next: 'Mend it, and run this again' };
  await look.renamed?.();
  const known = shared.length + edited.length + otherwise.length;
  const lines = [
    'claude-mem on this machine has a device id of its own now.',
    ...(known === 0 ? [] : [`${counted(known, 'row was', 'rows were')} there under another one; all others are sent again under this.`]),
    'Start its worker again: it reads all that is served.',
  ];
  return { type: 'done', lines, backup, rescued: [] };
}

async function raiseRevisions(look: DeviceLook, backups: string): Promise<Repaired> {
  const { file } = look;
  const user = userOf(file);
  if (user !== null) return blockedBy(user);
  const backup = await keepDatabase(file, backups, 'claude-mem');
  const { edited } = await compareRows(file, look.device, look.feed);
  raiseRows(
    file,
    edited.map((row) => ({ ...row, isTold: false })),
  );
  const lines = [
    `${counted(edited.length, 'row is', 'rows are')} sent again, above what the feed has.`,
    'Start claude-mem’s worker again.',
  ];
  return { type: 'done', lines, backup, rescued: [] };
}
