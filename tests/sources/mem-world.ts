import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createReplicaWorkspace, type ReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import type { Workspace } from '../../src/core/replica/workspace.ts';
import { syncWith } from '../../src/core/replica/transfer.ts';
import { claudeMemProfile } from '../../src/sources/claude-mem/claude-mem-profile.ts';
import type { RowsLimits } from '../../src/sources/sqlite-rows/context.ts';
import { createRecordWriters } from '../../src/node/record-writers.ts';
import { createRowPast } from '../../src/sources/sqlite-rows/row-past.ts';
import { createRowReader, type ReaderStart } from '../../src/sources/sqlite-rows/row-reader.ts';
import { createRowWriter, type RowWriter } from '../../src/sources/sqlite-rows/row-writer.ts';
import { createSqliteRowsSource, type SqliteRowsSource } from '../../src/sources/sqlite-rows/sqlite-rows-source.ts';
import { createTestClock, type TestClock } from '../contracts/test-clock.ts';
import { createSmallSpace, type SmallMachine } from '../replica/small-space.ts';
import { MemDatabase, type MemSchema } from './mem-database.ts';
import { silent } from './tree-home.ts';

/** A machine with claude-mem on it. */
export class MemMachine {
  readonly db: MemDatabase;
  readonly machine: SmallMachine;
  readonly clock: TestClock;
  readonly limits: Partial<RowsLimits>;
  /** What stands between the source and its space. */
  decorate: (workspace: Workspace) => Workspace = (workspace) => workspace;
  workspace!: ReplicaWorkspace;
  source!: SqliteRowsSource;

  constructor(machine: SmallMachine, db: MemDatabase, clock: TestClock, limits: Partial<RowsLimits>) {
    this.machine = machine;
    this.db = db;
    this.clock = clock;
    this.limits = limits;
    this.start();
  }

  /** A new process over the same store and database. */
  start(): void {
    const profile = claudeMemProfile({ toolUses: false });
    this.workspace = createReplicaWorkspace(this.machine.replica, {
      writer: 'rows:claude-mem',
      covers: (item) => item.name.startsWith(profile.prefix),
      scope: 'claude-mem',
    });
    this.restartSource();
  }

  /** Whether other connections read and write, as other threads would. */
  worksBeside = false;
  onRead: (start: ReaderStart) => void = () => undefined;
  decorateWriter: (writer: RowWriter) => RowWriter = (writer) => writer;

  /** A new source on the same window on the space. */
  restartSource({ toolUses = false, sessionsOnly = false }: { readonly toolUses?: boolean; readonly sessionsOnly?: boolean } = {}): void {
    const profile = claudeMemProfile({ toolUses, sessionsOnly });
    const { clock } = this;
    this.source = createSqliteRowsSource({
      file: this.db.file,
      profile,
      ...(this.worksBeside
        ? {
            beside: (start) => Promise.resolve(this.decorateWriter(createRowWriter(start, { profile, clock }))),
            readBeside: (start) => {
              this.onRead(start);
              return Promise.resolve(createRowReader(start, { profile, clock }));
            },
          }
        : {}),
      past: createRowPast(this.machine.replica, {
        kind: profile.kind,
        prefix: profile.prefix,
        id: 'claude-mem',
        isOwn: async (position) => (await createRecordWriters(this.machine.replica).at(position)) === this.machine.replica.machine,
      }),
      workspace: this.decorate(this.workspace),
      clock: this.clock,
      log: silent,
      limits: this.limits,
    });
  }

  async restart(): Promise<void> {
    await this.source.close();
    await this.machine.restart();
    this.start();
  }

  async sync(): Promise<void> {
    await this.source.catchUp();
    let report = await syncWith(this.machine.replica, this.machine.hub);
    if (report.moved) report = await syncWith(this.machine.replica, this.machine.hub);
    await this.source.apply();
  }
}

export interface MemWorld {
  readonly machines: readonly MemMachine[];
  readonly clock: TestClock;
  readonly folder: string;
  /** Until nothing moves any more. */
  readonly settle: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Machines with empty databases of these releases, in one space. */
export async function createMemWorld(seed: string, schemas: readonly MemSchema[], limits: Partial<RowsLimits> = {}): Promise<MemWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'satchel-mem-'));
  const clock = createTestClock();
  const space = await createSmallSpace(seed);
  const machines: MemMachine[] = [];
  for (const [index, schema] of schemas.entries()) {
    const machine = index === 0 ? space.owner : await space.machine(`m${index}`);
    if (index > 0) {
      await space.invite(machine);
      await syncWith(machine.replica, machine.hub);
    }
    machines.push(new MemMachine(machine, new MemDatabase(join(folder, `${index}.db`), schema), clock, limits));
  }
  return {
    machines,
    clock,
    folder,
    async settle() {
      // A session that comes back for a row of another machine takes some rounds.
      for (let [round, before] = [0, -1]; round < 10; round += 1) {
        for (const machine of machines) await machine.sync();
        const now = machines.reduce((sum, { machine }) => sum + machine.replica.position, 0);
        if (round > 1 && now === before) break;
        before = now;
      }
    },
    async close() {
      for (const { source, db } of machines) {
        await source.close();
        db.close();
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
