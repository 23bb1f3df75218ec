import { fail, ok, type Result } from '../../core/result.ts';
import { canonicalJson, isObject, parseCanonicalJson } from './canonical-json.ts';
import { isDecimal } from './decimal.ts';
import { digestOf, isDigest } from './digest.ts';
import { isDeviceId, mutationProblem } from './mutation.ts';
import { payloadProblem, type RowKind } from './payload.ts';

/** Of the protocol, and no setting of ours. */
export const PROTOCOL_VERSION = 2;
export const BODY_BYTES = 256_000;
export const REQUEST_BYTES = 8_000_000;
export const OPS_PER_REQUEST = 500;

interface OpFields {
  readonly id: string;
  readonly entity_rev: string;
  readonly origin_device_id: string;
}

export type OpBody = OpFields &
  (
    | { readonly kind: RowKind; readonly origin_local_id: string; readonly deleted: false; readonly payload: Record<string, unknown> }
    | { readonly kind: RowKind; readonly origin_local_id: string; readonly deleted: true; readonly deleted_at: string }
    | { readonly kind: 'mutation'; readonly origin_local_id: null; readonly deleted: false; readonly mutation: Record<string, unknown> }
  );

/** An op as it travels, and what it says. */
export interface Op {
  readonly body: string;
  readonly digest: string;
  readonly says: OpBody;
}

const BODY_KEYS = [
  'body_schema_version',
  'deleted',
  'deleted_at',
  'entity_rev',
  'id',
  'kind',
  'mutation',
  'origin_device_id',
  'origin_local_id',
  'payload',
  'payload_schema_version',
  'payload_sha256',
];
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** Of one UTF-16 unit in UTF-8: most bodies are too short for a count. */
const MOST_BYTES = 3;
const DIGEST_OF_NULL = digestOf('null');

/** A push as its JSON says it; the ops are looked at one by one, by {@link parseOp}. */
export function parsePush(request: unknown): Result<readonly unknown[], string> {
  if (!isObject(request)) return fail('the request must be an object');
  const keys = Object.keys(request);
  if (keys.length !== 2 || !Object.hasOwn(request, 'ops') || !Object.hasOwn(request, 'protocol_version'))
    return fail('the request must contain exactly: ops, protocol_version');
  if (request['protocol_version'] !== PROTOCOL_VERSION) return fail(`protocol_version must be ${PROTOCOL_VERSION}`);
  const { ops } = request;
  if (!Array.isArray(ops)) return fail('ops must be an array');
  return ops.length <= OPS_PER_REQUEST ? ok(ops) : fail(`more than ${OPS_PER_REQUEST} ops`);
}

/** One op, or why some client could not apply it. Whatever passes can be served to all of them. O(length). */
export function parseOp(op: unknown): Result<Op, string> {
  if (!isObject(op) || Object.keys(op).length !== 2) return fail('an op must contain exactly: body, operation_sha256');
  const { body, operation_sha256: digest } = op;
  if (typeof body !== 'string' || body === '') return fail('body must be a non-empty string');
  if (body.length > BODY_BYTES / MOST_BYTES && Buffer.byteLength(body) > BODY_BYTES) return fail(`body exceeds ${BODY_BYTES} bytes`);
  if (!isDigest(digest)) return fail('operation_sha256 must be an unpadded base64url SHA-256');
  if (digestOf(body) !== digest) return fail('operation_sha256 mismatch');
  const says = parseCanonicalJson(body);
  if (!says.ok) return fail(`body ${says.error}`);
  const problem = bodyProblem(says.value, body);
  return problem === null ? ok({ body, digest, says: says.value as OpBody }) : fail(problem);
}

function bodyProblem(body: unknown, text: string): string | null {
  if (!isObject(body)) return 'body must be an object';
  if (Object.keys(body).length !== BODY_KEYS.length || !BODY_KEYS.every((key) => Object.hasOwn(body, key)))
    return `body must contain exactly: ${BODY_KEYS.join(', ')}`;
  if (body['body_schema_version'] !== 1) return 'body_schema_version must be 1';
  if (body['payload_schema_version'] !== 2) return 'payload_schema_version must be 2';
  if (!isDecimal(body['entity_rev']) || body['entity_rev'] === '0') return 'entity_rev must be a positive decimal string';
  if (!isDeviceId(body['origin_device_id'])) return 'origin_device_id must be a non-empty string of at most 128 bytes';
  if (!isDigest(body['payload_sha256'])) return 'payload_sha256 must be an unpadded base64url SHA-256';
  switch (body['kind']) {
    case 'mutation':
      return mutationOpProblem(body);
    case 'observation':
    case 'summary':
    case 'prompt':
      return rowOpProblem(body, body['kind'], text);
    default:
      return 'kind must be observation, summary, prompt or mutation';
  }
}

function mutationOpProblem(body: Record<string, unknown>): string | null {
  const { id } = body;
  if (body['deleted'] !== false || body['deleted_at'] !== null) return 'a mutation cannot be deleted';
  if (body['origin_local_id'] !== null || body['payload'] !== null) return 'origin_local_id and payload of a mutation must be null';
  if (body['payload_sha256'] !== DIGEST_OF_NULL) return 'payload_sha256 of a mutation must be that of null';
  if (typeof id !== 'string' || !id.startsWith('mutation:') || !UUID.test(id.slice('mutation:'.length)))
    return 'the id of a mutation must be mutation:<uuid>';
  return mutationProblem(body['mutation']);
}

function rowOpProblem(body: Record<string, unknown>, kind: RowKind, text: string): string | null {
  const { origin_local_id: local, deleted, deleted_at: deletedAt, payload } = body;
  if (!isDecimal(local)) return 'origin_local_id must be a decimal string';
  if (body['id'] !== rowId(kind, body['origin_device_id'] as string, local)) return 'id does not match kind, device and local id';
  if (body['mutation'] !== null) return 'mutation must be null';
  if (typeof deleted !== 'boolean') return 'deleted must be true or false';
  if (deleted) {
    if (payload !== null) return 'payload of a tombstone must be null';
    if (!isTimestamp(deletedAt)) return 'deleted_at must be an ISO time with milliseconds';
    return body['payload_sha256'] === DIGEST_OF_NULL ? null : 'payload_sha256 of a tombstone must be that of null';
  }
  if (deletedAt !== null) return 'deleted_at of a live row must be null';
  const problem = payloadProblem(kind, payload);
  if (problem !== null) return problem;
  return digestOf(payloadText(text)) === body['payload_sha256'] ? null : 'payload_sha256 mismatch';
}

/**
 * The payload as it stands in a canonical body of a row: behind it come two keys of known values, before it plain values only, in
 * whose text no quote stands alone.
 */
function payloadText(body: string): string {
  return body.slice(body.indexOf(',"payload":') + ',"payload":'.length, body.lastIndexOf(',"payload_schema_version":2'));
}

/** What clients name a row by. */
export function rowId(kind: RowKind, device: string, local: string): string {
  return `${kind}:${digestOf(canonicalJson(['cmem-doc-id-v1', 'device', kind, device, local]))}`;
}

function isTimestamp(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > 40) return false;
  const time = new Date(value);
  return Number.isFinite(time.valueOf()) && time.toISOString() === value;
}
