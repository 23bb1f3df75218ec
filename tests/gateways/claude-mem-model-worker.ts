import { ownRowToOp } from '../../src/gateways/claude-mem/own-row-op.ts';
import { readOwnRows } from '../../src/sources/claude-mem/own-rows.ts';
import type { MemDatabase } from '../sources/mem-database.ts';
import type { SyncClient } from './claude-mem-client.ts';

interface Said {
  readonly id: string;
  readonly kind: 'observation' | 'summary' | 'prompt' | 'mutation';
  readonly entity_rev: string;
  readonly deleted: boolean;
  readonly origin_device_id: string;
  readonly origin_local_id: string;
  readonly payload: Record<string, unknown> | null;
}

const TABLES = { observation: 'observations', summary: 'session_summaries', prompt: 'user_prompts' };

/**
 * Pulls and pushes as claude-mem's client does with its tables (13.25): an op of its own device is passed over; a row is known by its device and
 * number alone, an observation by its session and hash as well; two states of one revision stop it for ever. Of mutations it knows none.
 */
export class ModelWorker {
  readonly client: SyncClient;
  readonly database: MemDatabase;

  constructor(client: SyncClient, database: MemDatabase) {
    this.client = client;
    this.database = database;
  }

  get cursor(): string {
    return (this.database.get("select v from sync_state where k = 'cursor'") as string | undefined) ?? '0';
  }

  /** All that is served. Throws where it is wedged; what came before that page stays. */
  async pull(): Promise<void> {
    for (;;) {
      const { status, body } = await this.client.changes(this.cursor);
      if (status !== 200) throw new Error(`the pull was answered ${status}`);
      if (this.#isNewEpoch(body['epoch'] as string)) continue;
      const ops = body['ops'] as { seq: string; body: string; operation_sha256: string }[];
      const last = ops.at(-1);
      if (last === undefined) return;
      this.database.sql.transaction(() => {
        for (const { body: text, operation_sha256: hash } of ops) this.#apply(JSON.parse(text) as Said, hash);
        this.database.run("insert or replace into sync_state (k, v) values ('cursor', ?)", last.seq);
      })();
    }
  }

  /** What it has not sent. */
  async push(): Promise<void> {
    const ops = [];
    const sent: [table: string, id: string][] = [];
    for (const page of readOwnRows(this.database.file)) {
      for (const row of page) {
        const op = ownRowToOp(this.client.device, row);
        const isSent = this.database.get(`select synced_at from ${TABLES[row.kind]} where id = ?`, row.local) !== null;
        if (op === null || isSent) continue;
        ops.push({ body: op.body, operation_sha256: op.digest });
        sent.push([TABLES[row.kind], row.local]);
      }
    }
    if (ops.length === 0) return;
    const { status, body } = await this.client.push(ops);
    if (status !== 200) throw new Error(`the push was answered ${status}: ${JSON.stringify(body)}`);
    for (const [table, id] of sent) this.database.run(`update ${table} set synced_at = 1 where id = ?`, id);
  }

  /** Another epoch than the one before: it reads everything anew, and pushes all of its own again. */
  #isNewEpoch(epoch: string): boolean {
    const before = this.database.get("select v from sync_state where k = 'epoch'") as string | undefined;
    if (before === epoch) return false;
    this.database.run("insert or replace into sync_state (k, v) values ('epoch', ?)", epoch);
    if (before === undefined) return false;
    this.database.run("insert or replace into sync_state (k, v) values ('cursor', '0')");
    for (const table of Object.values(TABLES))
      this.database.run(`update ${table} set synced_at = null where synced_at > 0 and origin_device_id is null`);
    return true;
  }

  #apply({ id, kind, entity_rev: revision, deleted, origin_device_id: device, origin_local_id: local, payload }: Said, hash: string): void {
    if (device === this.client.device || kind === 'mutation') return;
    const { sql } = this.database;
    const head = sql.prepare('select entity_rev, operation_sha256 from sync_entity_heads where entity_id = ?').get(id) as
      | { entity_rev: string; operation_sha256: string }
      | undefined;
    if (head !== undefined && BigInt(head.entity_rev) > BigInt(revision)) return;
    if (head?.entity_rev === revision) {
      if (head.operation_sha256 !== hash) throw new Error(`wedged at ${device}/${local}`);
      return;
    }
    const table = TABLES[kind];
    if (deleted) this.database.run(`delete from ${table} where origin_device_id = ? and origin_local_id = ?`, device, local);
    else this.#put(table, { device, local, revision }, payload ?? {});
    this.database.run(
      'insert or replace into sync_entity_heads values (?, ?, ?, ?, ?, ?, ?, 0)',
      ...[id, kind, device, local, revision, hash, deleted ? 1 : 0],
    );
  }

  #put(table: string, origin: { device: string; local: string; revision: string }, payload: Record<string, unknown>): void {
    const { sql } = this.database;
    const there = sql
      .prepare(`select id, sync_rev from ${table} where origin_device_id = ? and origin_local_id = ?`)
      .get(origin.device, origin.local) as { id: number; sync_rev: string } | undefined;
    if (there !== undefined && BigInt(there.sync_rev) >= BigInt(origin.revision)) return;
    const session = this.#session(payload);
    const cells: Record<string, unknown> = { ...payload, sync_rev: origin.revision, synced_at: 1 };
    if (table === 'user_prompts') {
      for (const column of ['memory_session_id', 'project', 'platform_source']) delete cells[column];
      cells['session_db_id'] = session;
    }
    const columns = Object.keys(cells);
    const values = Object.values(cells).map((value) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : value));
    if (there !== undefined) {
      sql.prepare(`update ${table} set ${columns.map((column) => `${column} = ?`).join()} where id = ?`).run(...values, there.id);
      return;
    }
    const all = [...columns, 'origin_device_id', 'origin_local_id'];
    const orNothing = table === 'observations' ? ' on conflict(memory_session_id, content_hash) do nothing' : '';
    sql
      .prepare(`insert into ${table} (${all.join()}) values (${all.map(() => '?').join()})${orNothing}`)
      .run(...values, origin.device, origin.local);
  }

  /** The session that a row names, made up where it is not there. */
  #session({ memory_session_id: memory, content_session_id: content, project }: Record<string, unknown>): number | null {
    const { sql } = this.database;
    const found = sql.prepare('select id from sdk_sessions where memory_session_id = ? or content_session_id = ?').pluck();
    const id = found.get(memory ?? null, content ?? null) as number | undefined;
    if (id !== undefined || typeof memory !== 'string') return id ?? null;
    return this.database.session(typeof content === 'string' ? content : memory, { memory_session_id: memory, project: String(project) });
  }
}
