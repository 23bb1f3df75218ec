import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { compareDecimals } from '../../gateways/claude-mem/decimal.ts';
import type { FeedIndex } from '../../gateways/claude-mem/feed-index.ts';
import { GATEWAY_ORIGIN, subjectOfOp } from '../../gateways/claude-mem/plan-push.ts';
import { rowId } from '../../gateways/claude-mem/schema.ts';
import { counted } from '../counted.ts';
import { ownRowToOp } from '../../gateways/claude-mem/own-row-op.ts';
import { readOwnRows, type OwnRowKind } from '../../sources/claude-mem/own-rows.ts';
import { blockedBy, type Ailment, type Repaired } from '../../sources/claude-mem-health/ailment.ts';
import { userOf } from '../../sources/claude-mem-health/holders.ts';
import { keepDatabase } from '../../sources/claude-mem-health/keep-copy.ts';
import { changeIn, columnsOf, lookInto } from '../../sources/claude-mem-health/mem-tables.ts';
import { keepSettings, writeDeviceId } from './settings-edit.ts';

export interface DeviceLook {
  /** claude-mem.db */
  readonly file: string;
  readonly settings: string;
  /** Of the worker, and how its user’s feed stands. */
  readonly device: string;
  readonly index: FeedIndex;
  /** Under which names the device was heard here. */
  readonly names: readonly string[];
}

const TABLE: Readonly<Record<OwnRowKind, string>> = { observation: 'observations', summary: 'session_summaries', prompt: 'user_prompts' };

interface Row {
  readonly table: string;
  readonly local: string;
  readonly entity: string;
  /** The highest revision that the device pushed of it. */
  readonly pushed: string;
}

interface Compared {
  /** The feed has this very row, in this state or another. */
  readonly shared: readonly Row[];
  /** The feed has another row under its name: another database uses the same device id. */
  readonly others: readonly Row[];
  /** The feed has a later state of it, or another one at the same revision. */
  readonly edited: readonly Row[];
}

/** What a worker’s rows are to the feed that it pushes to. O(rows). */
function compare({ file, device, index }: Pick<DeviceLook, 'file' | 'device' | 'index'>): Compared {
  const compared = { shared: [] as Row[], others: [] as Row[], edited: [] as Row[] };
  for (const page of readOwnRows(file)) {
    for (const own of page) {
      const op = ownRowToOp(device, own);
      if (op === null) continue;
      const marks = index.of(op.says.id).filter(({ origin }) => origin !== GATEWAY_ORIGIN);
      const pushed = marks.reduce((most, { revision }) => (compareDecimals(revision, most) > 0 ? revision : most), '0');
      if (marks.length === 0) continue;
      const row: Row = { table: TABLE[own.kind], local: own.local, entity: op.says.id, pushed };
      const same = marks.find(({ revision }) => revision === own.revision);
      // Taken away, or in place of a double: what was pushed under it is not known.
      if (same?.digest === '') continue;
      const isSame = same === undefined ? compareDecimals(own.revision, pushed) > 0 : same.digest === op.digest;
      if (isSame) compared.shared.push(row);
      // What a row is called by does not change with an edit of the rest of it.
      else if (marks.some(({ subject }) => subject === subjectOfOp(op))) compared.edited.push(row);
      else compared.others.push(row);
    }
  }
  return compared;
}

/** Device ids that more than one database uses, and rows of which the feed says otherwise than the worker. */
export function findDeviceAilments(look: DeviceLook): Ailment[] {
  const { others, edited } = compare(look);
  const names = look.names.length > 1 ? [`this device id was heard under the names ${look.names.join(', ')}`] : [];
  if (others.length > 0 || names.length > 0)
    return [
      {
        id: 'device-id',
        result: 'fail',
        severity: 'high',
        reason: 'another database syncs under the same device id as this one: its settings were copied, and each blocks the other',
        evidence: [
          ...names,
          ...(others.length > 0
            ? [`${counted(others.length, 'row is another one', 'rows are others')} here than under the same name in the feed`]
            : []),
        ],
        would: [
          'give claude-mem on this machine a device id of its own',
          'mark the rows that both have as what they are: synced from the other id',
          'have the rows that only this machine has sent again, under the new id',
        ],
        advice: null,
        repair: (backups) => renameDevice(look, backups),
      },
    ];
  if (edited.length === 0) return lookForLost(look);
  return [
    {
      id: 'revisions',
      result: 'fail',
      severity: 'high',
      reason: 'claude-mem would push states of rows under revisions that are taken, and its hub refuses all behind them',
      evidence: [`${counted(edited.length, 'row is', 'rows are')} at a revision that the feed has in another state, or is past`],
      would: [
        `give ${counted(edited.length, 'row a revision', 'rows revisions')} above what is taken, and have ${edited.length === 1 ? 'it' : 'them'} sent again`,
      ],
      advice: null,
      repair: (backups) => raiseRevisions(look, backups),
    },
  ];
}

/** A database that is not the one that pushed: clients pass over what their own id made, so that nothing brings it back. O(feed + rows). */
function lookForLost(look: DeviceLook): Ailment[] {
  const { file, device, index } = look;
  const queued = queuedEntities(file);
  if (queued === null) return []; // there is none, or none that syncs: the worker has not made it yet
  const there = new Set(queued);
  for (const page of readOwnRows(file)) for (const { kind, local } of page) there.add(rowId(kind, device, local));
  let [pushed, gone] = [0, 0];
  for (const entity of index.entities()) {
    const isLive = (index.newest(entity)?.subject ?? '') !== '';
    if (!isLive || !index.of(entity).some(({ origin }) => origin === device)) continue;
    pushed += 1;
    if (!there.has(entity)) gone += 1;
  }
  // Where others delete in the database beside the worker, some are gone as they were meant to be.
  if (2 * gone <= pushed) return [];
  return [
    {
      id: 'lost-rows',
      result: 'fail',
      severity: 'high',
      reason: 'claude-mem’s database is not the one that its rows were synced from, and its own sync does not bring those back',
      evidence: [`${gone} of ${counted(pushed, 'row')} that this device pushed and nobody deleted are not there`],
      would: [
        'give claude-mem on this machine another device id, for which they are rows of another device',
        'have it read everything again that is served',
      ],
      advice: null,
      repair: (backups) => renameDevice(look, backups),
    },
  ];
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
  const { shared, edited } = compare(look);
  // The database first: with the old id in the settings none of this does harm, and the repair is still called for.
  changeIn(file, (database) => {
    for (const { table, local } of [...shared, ...edited])
      database
        .prepare(`UPDATE ${table} SET origin_device_id = ?, origin_local_id = CAST(id AS TEXT) WHERE id = ? AND origin_device_id IS NULL`)
        .run(device, local);
    for (const table of Object.values(TABLE)) database.exec(`UPDATE ${table} SET synced_at = NULL WHERE origin_device_id IS NULL`);
    database.prepare(`DELETE FROM sync_content_outbox WHERE json_valid(body) AND json_extract(body, '$.origin_device_id') = ?`).run(device);
    database.prepare('UPDATE sync_outbox SET canonical_body = NULL, operation_sha256 = NULL').run();
    // What the other database pushed was passed over as this one's own.
    database.prepare("UPDATE sync_state SET v = '0' WHERE k = 'cursor'").run();
  });
  const renamed = await writeDeviceId(settings, randomUUID());
  if (!renamed.ok)
    return { type: 'blocked', reason: `settings.json was left alone: ${renamed.error}`, next: 'Mend it, and run this again' };
  const known = shared.length + edited.length;
  const lines = [
    'claude-mem on this machine has a device id of its own now.',
    ...(known === 0 ? [] : [`${counted(known, 'row was', 'rows were')} there under the other one; all others are sent again under this.`]),
    'Start its worker again: it reads all that is served.',
  ];
  return { type: 'done', lines, backup, rescued: [] };
}

async function raiseRevisions(look: DeviceLook, backups: string): Promise<Repaired> {
  const { file } = look;
  const user = userOf(file);
  if (user !== null) return blockedBy(user);
  const backup = await keepDatabase(file, backups, 'claude-mem');
  const { edited } = compare(look);
  changeIn(file, (database) => {
    for (const { table, local, entity, pushed } of edited) {
      const next = (BigInt(pushed) + 1n).toString();
      database.prepare(`UPDATE ${table} SET sync_rev = ?, synced_at = NULL WHERE id = ? AND origin_device_id IS NULL`).run(next, local);
      database.prepare('DELETE FROM sync_content_outbox WHERE entity_id = ?').run(entity);
    }
  });
  const lines = [
    `${counted(edited.length, 'row is', 'rows are')} sent again, above what the feed has.`,
    'Start claude-mem’s worker again.',
  ];
  return { type: 'done', lines, backup, rescued: [] };
}
