import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { compareDecimals } from '../../gateways/claude-mem/decimal.ts';
import type { FeedIndex } from '../../gateways/claude-mem/feed-index.ts';
import { GATEWAY_ORIGIN, subjectOfOp } from '../../gateways/claude-mem/plan-push.ts';
import { ownRowToOp } from '../../gateways/claude-mem/own-row-op.ts';
import { readOwnRows, type OwnRowKind } from '../../sources/claude-mem/own-rows.ts';
import { blockedBy, type Ailment, type Repaired } from '../../sources/claude-mem-health/ailment.ts';
import { userOf } from '../../sources/claude-mem-health/holders.ts';
import { keepDatabase } from '../../sources/claude-mem-health/keep-copy.ts';
import { changeIn } from '../../sources/claude-mem-health/mem-tables.ts';
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
        evidence: [...names, ...(others.length > 0 ? [`${others.length} rows are others here than under the same name in the feed`] : [])],
        would: [
          'give claude-mem on this machine a device id of its own',
          'mark the rows that both have as what they are: synced from the other id',
          'have the rows that only this machine has sent again, under the new id',
        ],
        advice: null,
        repair: (backups) => renameDevice(look, backups),
      },
    ];
  if (edited.length === 0) return [];
  return [
    {
      id: 'revisions',
      result: 'fail',
      severity: 'high',
      reason: 'claude-mem would push states of rows under revisions that are taken, and its hub refuses all behind them',
      evidence: [`${edited.length} rows are at a revision that the feed has in another state, or is past`],
      would: [`give ${edited.length} rows revisions above those that are taken, and have them sent again`],
      advice: null,
      repair: (backups) => raiseRevisions(look, backups),
    },
  ];
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
  const lines = [
    'claude-mem on this machine has a device id of its own now.',
    `${shared.length + edited.length} rows were of both; all others are sent again under it.`,
    'Start its worker again.',
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
    `${edited.length} ${edited.length === 1 ? 'row is' : 'rows are'} sent again, above what the feed has.`,
    'Start claude-mem’s worker again.',
  ];
  return { type: 'done', lines, backup, rescued: [] };
}
