import { canonicalJson } from './canonical-json.ts';
import { compareDecimals } from './decimal.ts';
import { digestOf } from './digest.ts';
import { SAID_BY_SESSION, type Payload } from './op-rows.ts';
import type { RowKind } from './payload.ts';
import { rowId, type OpBody } from './schema.ts';
import { subjectOf } from './subject.ts';
import { traitsOf } from './traits.ts';

/** What a feed says of a row, to a client that reads all of it. */
export interface ServedRow {
  readonly kind: RowKind;
  readonly device: string;
  readonly local: string;
  /** The highest. */
  readonly revision: string;
  /** By what it is known in that state; '' where it is gone. */
  readonly subject: string;
  /** Every state that it had, in the feed's order, by what it means; `hash`: an observation's `content_hash`, by which a client has it already. */
  readonly states: readonly { readonly revision: string; readonly meaning: string; readonly hash: string | null }[];
}

/** The rows of a feed as its ops are read, in memory: about 700 bytes an op. */
export interface ServedRows {
  add(says: OpBody): void;
  get(kind: RowKind, device: string, local: string): ServedRow | undefined;
  /** Rows that are there and are this, of whatever device. */
  about(subject: string): readonly ServedRow[];
  /** Rows that are there, and had one of these traits in any state, of whatever device: the same ones by other words, maybe. */
  alike(kind: RowKind, traits: readonly string[]): readonly ServedRow[];
}

export function createServedRows(): ServedRows {
  const rows = new Map<string, ServedRow>();
  const known = new Map<string, Set<string>>();
  const byTrait = new Map<string, Set<string>>();
  const note = (map: Map<string, Set<string>>, key: string, id: string): unknown => map.set(key, (map.get(key) ?? new Set()).add(id));
  return {
    add(says) {
      if (says.kind === 'mutation') return;
      const { id, kind, entity_rev: revision, origin_device_id: device, origin_local_id: local } = says;
      const before = rows.get(id);
      const subject = says.deleted ? '' : subjectOf(kind, says.payload);
      const hash = says.deleted ? null : says.payload['content_hash'];
      const state = says.deleted
        ? []
        : [{ revision, meaning: meaningOf(kind, says.payload), hash: typeof hash === 'string' ? hash : null }];
      const states = [...(before?.states ?? []), ...state];
      const isNewest = before === undefined || compareDecimals(revision, before.revision) > 0;
      rows.set(id, isNewest ? { kind, device, local, revision, subject, states } : { ...before, states });
      if (subject === '') return;
      note(known, subject, id);
      if (!says.deleted) for (const trait of traitsOf(kind, says.payload)) note(byTrait, trait, id);
    },
    get: (kind, device, local) => rows.get(rowId(kind, device, local)),
    about: (subject) =>
      [...(known.get(subject) ?? [])].flatMap((id) => {
        const row = rows.get(id);
        return row?.subject === subject ? [row] : [];
      }),
    alike: (kind, traits) =>
      [...new Set(traits.flatMap((trait) => [...(byTrait.get(trait) ?? [])]))].flatMap((id) => {
        const row = rows.get(id);
        return row !== undefined && row.kind === kind && row.subject !== '' ? [row] : [];
      }),
  };
}

/** What a row says itself: its session says the rest, and may say it otherwise by now. */
export function meaningOf(kind: RowKind, payload: Payload): string {
  const own = Object.entries(payload).filter(([field, value]) => value !== null && !SAID_BY_SESSION[kind].includes(field));
  return digestOf(canonicalJson(Object.fromEntries(own)));
}
