import { compareDecimals } from '../../gateways/claude-mem/decimal.ts';
import type { FeedIndex } from '../../gateways/claude-mem/feed-index.ts';
import { GATEWAY_ORIGIN, subjectOfOp } from '../../gateways/claude-mem/plan-push.ts';
import { meaningOf } from '../../gateways/claude-mem/served-rows.ts';
import { traitsOf } from '../../gateways/claude-mem/traits.ts';
import type { OpBody } from '../../gateways/claude-mem/schema.ts';
import type { RowMark } from '../../sources/claude-mem/mark-rows.ts';
import { readOwnRows, type OwnRowKind } from '../../sources/claude-mem/own-rows.ts';
import { readToldStates } from '../../sources/claude-mem/told-states.ts';
import { opOfWorker } from './op-of-worker.ts';

export const TABLE_OF_KIND: Readonly<Record<OwnRowKind, string>> = {
  observation: 'observations',
  summary: 'session_summaries',
  prompt: 'user_prompts',
};

/** What a feed tells under a number: whose row. */
export interface ToldRow {
  readonly device: string;
  readonly local: string;
  readonly revision: string;
  /** What tells it from others where it is told by other words than before; nothing in common: it is another one. */
  readonly traits: readonly string[];
  /** Of all that it says. */
  readonly state: string;
}

export interface ToldFeed {
  readonly index: FeedIndex;
  /** `null` for what is no row, or one that was taken away. */
  readonly told: (number: number) => Promise<ToldRow | null>;
}

/** `null` for what is no row, or one that was taken away. */
export function toldIn(says: OpBody): ToldRow | null {
  if (says.kind === 'mutation' || says.deleted) return null;
  return {
    device: says.origin_device_id,
    local: says.origin_local_id,
    revision: says.entity_rev,
    traits: traitsOf(says.kind, says.payload),
    state: meaningOf(says.kind, says.payload),
  };
}

/** A row that the database’s own machine made. */
export interface ComparedRow {
  readonly kind: OwnRowKind;
  readonly table: string;
  readonly local: string;
  readonly entity: string;
  readonly subject: string;
  /** Of all that it says. */
  readonly state: string;
  /** The highest revision that the device pushed of it; 0: none. */
  readonly pushed: string;
}

export interface Compared {
  /** The feed has this very row, in this state or another. */
  readonly shared: readonly ComparedRow[];
  /** The feed has another row under its name: another database uses, or used, the same device id. */
  readonly others: readonly ComparedRow[];
  /** The feed has a later state of it, or another one at the same revision. */
  readonly edited: readonly ComparedRow[];
  /** The feed has nothing under its name. */
  readonly fresh: readonly ComparedRow[];
}

/** What a worker’s rows are to the feed that it pushes to, by the names that they have there. O(rows), and a look at each that is told otherwise. */
export async function compareRows(file: string, device: string, { index, told }: ToldFeed): Promise<Compared> {
  const compared = { shared: [] as ComparedRow[], others: [] as ComparedRow[], edited: [] as ComparedRow[], fresh: [] as ComparedRow[] };
  const toldStates = readToldStates(file, device);
  for (const page of readOwnRows(file)) {
    for (const own of page) {
      const op = opOfWorker(device, own, toldStates);
      if (op === null || op.says.kind === 'mutation' || op.says.deleted) continue;
      const marks = index.of(op.says.id).filter(({ origin }) => origin !== GATEWAY_ORIGIN);
      const pushed = marks.reduce((most, { revision }) => (compareDecimals(revision, most) > 0 ? revision : most), '0');
      const { id: entity, entity_rev: next, payload } = op.says;
      const row: ComparedRow = {
        kind: own.kind,
        table: TABLE_OF_KIND[own.kind],
        local: own.local,
        entity,
        subject: subjectOfOp(op),
        state: meaningOf(own.kind, payload),
        pushed,
      };
      const same = marks.find(({ revision }) => revision === next);
      // Taken away, or in place of a double: what was pushed under it is not known.
      if (marks.length === 0 || same?.digest === '') {
        if (marks.length === 0) compared.fresh.push(row);
        continue;
      }
      const isSame = same === undefined ? compareDecimals(next, pushed) > 0 : same.digest === op.digest;
      if (isSame) compared.shared.push(row);
      else if (marks.some(({ subject }) => subject === row.subject)) compared.edited.push(row);
      else {
        const before = await told(marks.at(-1)?.number ?? 0);
        const traits = new Set(before?.traits);
        const isEdited = traitsOf(own.kind, op.says.payload).some((trait) => traits.has(trait));
        (isEdited ? compared.edited : compared.others).push(row);
      }
    }
  }
  return compared;
}

/** A row, and whose the feed tells it as. */
export interface KnownRow {
  readonly row: ComparedRow;
  readonly told: ToldRow;
}

/** Those of the rows that the feed tells as another device’s, or under another number, with whose they are there; each of the feed’s once. */
export async function knownOtherwise(rows: readonly ComparedRow[], { index, told }: ToldFeed): Promise<KnownRow[]> {
  const known: KnownRow[] = [];
  const taken = new Set<string>();
  for (const row of rows) {
    for (const entity of index.about(row.subject)) {
      const mark = index.newest(entity);
      if (entity === row.entity || taken.has(entity) || mark?.subject !== row.subject) continue;
      const there = await told(mark.number);
      if (there === null) continue;
      taken.add(entity);
      known.push({ row, told: there });
      break;
    }
  }
  return known;
}

/** What they are to be marked as. */
export function marksOf(known: readonly KnownRow[]): RowMark[] {
  return known.map(({ row: { kind, local }, told: { device, local: number, revision } }) => ({
    ...{ kind, local, before: null, revision },
    origin: { device, local: number },
  }));
}
