import { sha256 } from '../../core/crypto/hash.ts';
import { bytesToHex } from '../../core/ids.ts';
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

/** Under which number a gateway serves an item as its own. */
export function gatewayLocal(name: string): string {
  return (Buffer.from(sha256(`satchel/claude-mem/local-id\0${name}`)).readBigUInt64BE(0) >> 1n).toString();
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

/** The body of an op that every client can apply, and that does nothing: it is of a session that nobody has. */
export function nothingBody(device: string, uuid: string): string {
  const where = { memory_session_id: `satchel-erased-${uuid}` };
  return mutationBody(device, uuid, '1', { op: 'remap_project', where, fields: { merged_into_project: 'satchel-erased' } });
}

/** A UUID that is a function of a text (version 8). */
export function uuidOf(text: string): string {
  const hex = bytesToHex(sha256(`satchel/claude-mem/mutation\0${text}`));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The device that rows are of which no device pushed here. */
export const GATEWAY_DEVICE = 'satchel';

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
