import { canonicalJson } from './canonical-json.ts';
import { digestOf } from './digest.ts';
import type { Payload } from './op-rows.ts';
import type { RowKind } from './payload.ts';
import { rowId } from './schema.ts';

/** Which row of which device at which revision. */
export interface RowRevision {
  readonly kind: RowKind;
  readonly device: string;
  readonly local: string;
  readonly revision: string;
}

/** The body of a live row's op, as that device's client would print it. */
export function rowBody(row: RowRevision, payload: Payload): string {
  return printed(row, { deleted: false, deleted_at: null, payload });
}

/** The body of the op that takes a row away. `time` in milliseconds since 1970. */
export function tombstoneBody(row: RowRevision, time: number): string {
  return printed(row, { deleted: true, deleted_at: new Date(time).toISOString(), payload: null });
}

export function mutationBody(device: string, uuid: string, revision: string, mutation: Payload): string {
  return canonicalJson({
    ...VERSIONS,
    deleted: false,
    deleted_at: null,
    entity_rev: revision,
    id: `mutation:${uuid}`,
    kind: 'mutation',
    mutation,
    origin_device_id: device,
    origin_local_id: null,
    payload: null,
    payload_sha256: digestOf('null'),
  });
}

const VERSIONS = { body_schema_version: 1, payload_schema_version: 2 };

function printed(
  { kind, device, local, revision }: RowRevision,
  said: { readonly deleted: boolean; readonly deleted_at: string | null; readonly payload: Payload | null },
): string {
  return canonicalJson({
    ...VERSIONS,
    ...said,
    entity_rev: revision,
    id: rowId(kind, device, local),
    kind,
    mutation: null,
    origin_device_id: device,
    origin_local_id: local,
    payload_sha256: digestOf(canonicalJson(said.payload)),
  });
}
