import path from 'node:path';
import type { Database } from 'better-sqlite3';
import { blockedBy, needsStopped, type Ailment } from './ailment.ts';
import { userOf, workerOf } from './holders.ts';
import { keepDatabase } from './keep-copy.ts';
import { changeIn, columnsOf, countOf, lookInto } from './mem-tables.ts';

/** claude-mem tries again every ten minutes at the latest. */
const STUCK_MS = 3_600_000;
const TABLE_OF: Readonly<Record<string, string>> = { observation: 'observations', summary: 'session_summaries', prompt: 'user_prompts' };

export interface QueueLook {
  readonly file: string;
  /** As claude-mem’s settings say it; `null` where its sync never ran. */
  readonly device: string | null;
  readonly now: number;
}

/** What waits in claude-mem’s own queues and will not go by itself. */
export function lookForStuckQueue(look: QueueLook): Ailment[] {
  return [lookForOutbox(look), lookForUnprocessed(look), lookForDeadLetters(look.file)].filter((found) => found !== null);
}

/** Ops that wait to be pushed: under another device’s name they are refused for ever, and all behind them wait. */
function lookForOutbox({ file, device, now }: QueueLook): Ailment | null {
  const found = lookInto(file, (database) => {
    if (!columnsOf(database, 'sync_content_outbox').has('body')) return null;
    const old = 'created_at_epoch < ?';
    return {
      waiting:
        countOf(database, `SELECT count(*) FROM sync_content_outbox WHERE ${old}`, now - STUCK_MS) +
        countOf(database, `SELECT count(*) FROM sync_outbox WHERE ${old}`, now - STUCK_MS),
      stale: device === null ? 0 : staleOps(database, device).length,
    };
  });
  if (found === null || found.waiting + found.stale === 0) return null;
  const { waiting, stale } = found;
  const evidence = [
    ...(waiting > 0 ? [`${waiting} ops wait to be sent for over an hour`] : []),
    ...(stale > 0 ? [`${stale} ops were made under another device id than the one in settings.json`] : []),
  ];
  const reason = 'claude-mem’s own sync does not get rid of what it has to send';
  if (stale === 0)
    return {
      ...{ id: 'queue', result: 'warn', severity: 'medium', reason, evidence, would: [], repair: null },
      advice: 'Its worker has to run, and its hub to answer: ask them (npx claude-mem status; satchel claude-mem serve)',
    };
  return {
    ...{ id: 'queue', result: 'fail', severity: 'high', reason, evidence, advice: null },
    would: [...needsStopped(file), `throw away ${stale} such ops; their rows stay, and claude-mem makes new ones of them`],
    async repair(backups) {
      const pid = userOf(file) === null ? null : workerOf(path.dirname(file));
      if (pid !== null) return blockedBy(pid);
      const backup = await keepDatabase(file, backups, 'claude-mem');
      const thrown = changeIn(file, (database) => {
        const ops = staleOps(database, device ?? '');
        for (const { id, kind, local, deleted } of ops) {
          database.prepare('DELETE FROM sync_content_outbox WHERE id = ?').run(id);
          const table = TABLE_OF[kind];
          if (deleted === 0 && table !== undefined)
            database.prepare(`UPDATE ${table} SET synced_at = NULL WHERE id = ? AND origin_device_id IS NULL`).run(local);
        }
        return ops.length;
      });
      return { type: 'done', lines: [`Threw away ${thrown} ops that no hub takes.`], backup, rescued: [] };
    },
  };
}

interface StaleOp {
  readonly id: number;
  readonly kind: string;
  readonly local: string;
  readonly deleted: number;
}

function staleOps(database: Database, device: string): StaleOp[] {
  if (!columnsOf(database, 'sync_content_outbox').has('deleted')) return [];
  return database
    .prepare<[string], StaleOp>(
      `SELECT id, kind, origin_local_id AS local, deleted FROM sync_content_outbox
       WHERE json_valid(body) AND json_extract(body, '$.origin_device_id') <> ?`,
    )
    .all(device);
}

/** What its worker took up and never finished; older releases come back to it only where it is pending. */
function lookForUnprocessed({ file, now }: QueueLook): Ailment | null {
  const count = lookInto(file, (database) => unprocessed(database, now).length) ?? 0;
  if (count === 0) return null;
  return {
    id: 'pending-messages',
    result: 'warn',
    severity: 'medium',
    reason: `${count} ${count === 1 ? 'message was' : 'messages were'} taken up by claude-mem’s worker and never finished`,
    evidence: ['taken up over an hour ago (pending_messages)'],
    would: [...needsStopped(file), 'put them back into its queue, so that its next start works on them'],
    advice: null,
    async repair(backups) {
      const pid = workerOf(path.dirname(file));
      if (pid !== null) return blockedBy(pid);
      const backup = await keepDatabase(file, backups, 'claude-mem');
      const put = changeIn(file, (database) => {
        const ids = unprocessed(database, now);
        for (const id of ids) database.prepare("UPDATE pending_messages SET status = 'pending' WHERE id = ?").run(id);
        return ids.length;
      });
      return {
        type: 'done',
        lines: [`Put ${put} ${put === 1 ? 'message' : 'messages'} back into claude-mem’s queue.`],
        backup,
        rescued: [],
      };
    },
  };
}

function unprocessed(database: Database, now: number): number[] {
  const there = columnsOf(database, 'pending_messages');
  if (!there.has('status') || !there.has('created_at_epoch')) return [];
  return database
    .prepare<[number], number>("SELECT id FROM pending_messages WHERE status = 'processing' AND created_at_epoch < ?")
    .pluck()
    .all(now - STUCK_MS);
}

/** What its own sync set aside: it is not sent, and Satchel carries its rows all the same. */
function lookForDeadLetters(file: string): Ailment | null {
  const reasons =
    lookInto(file, (database) =>
      columnsOf(database, 'sync_dead_letter').has('reason')
        ? database
            .prepare<[], { readonly reason: string; readonly count: number }>(
              'SELECT reason, count(*) AS count FROM sync_dead_letter GROUP BY reason ORDER BY count DESC LIMIT 5',
            )
            .all()
        : [],
    ) ?? [];
  if (reasons.length === 0) return null;
  return {
    id: 'set-aside',
    result: 'warn',
    severity: 'low',
    reason: 'claude-mem’s own sync set ops aside, which it does not send',
    evidence: reasons.map(({ reason, count }) => `${count}: ${reason.slice(0, 120)}`),
    would: [],
    advice: 'Their rows are in its database still; where it is not connected, Satchel carries them itself',
    repair: null,
  };
}
