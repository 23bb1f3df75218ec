import { createHash } from 'node:crypto';

/** Ops as a client of the protocol makes them, written from the specification and not from our code. */
export interface WireOp {
  readonly body: string;
  readonly operation_sha256: string;
}

export type Kind = 'observation' | 'summary' | 'prompt';

type Json = Record<string, unknown>;

export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`;
}

export function sha(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

export function seal(body: unknown): WireOp {
  const text = typeof body === 'string' ? body : canonical(body);
  return { body: text, operation_sha256: sha(text) };
}

export const PAYLOADS: Readonly<Record<Kind, Json>> = {
  observation: {
    agent_id: null,
    agent_type: null,
    concepts: ['how-it-works'],
    content_hash: '0123456789abcdef',
    created_at: '2026-01-01T00:00:00.000Z',
    created_at_epoch: '1767225600000',
    discovery_tokens: '12',
    facts: ['one', 'two'],
    files_modified: [],
    files_read: null,
    generated_by_model: null,
    memory_session_id: 'm-1',
    merged_into_project: null,
    metadata: { deep: { a: 1 } },
    narrative: 'It works.',
    project: 'shop',
    prompt_number: null,
    subtitle: null,
    text: null,
    title: 'Milk',
    type: 'discovery',
  },
  summary: {
    completed: null,
    created_at: '2026-01-01T00:00:00.000Z',
    created_at_epoch: '1767225600000',
    discovery_tokens: '0',
    files_edited: [],
    files_read: [],
    investigated: null,
    learned: 'much',
    memory_session_id: 'm-1',
    merged_into_project: null,
    next_steps: null,
    notes: null,
    project: 'shop',
    prompt_number: '1',
    request: 'Do it',
  },
  prompt: {
    content_session_id: 'c-1',
    created_at: '2026-01-01T00:00:00.000Z',
    created_at_epoch: '1767225600000',
    memory_session_id: null,
    platform_source: 'claude',
    project: 'shop',
    prompt_number: '1',
    prompt_text: 'hello',
  },
};

export function idOf(kind: Kind, device: string, local: string): string {
  return `${kind}:${sha(canonical(['cmem-doc-id-v1', 'device', kind, device, local]))}`;
}

export interface RowOptions {
  readonly kind?: Kind;
  readonly local?: string;
  readonly rev?: string;
  readonly payload?: Json;
  readonly change?: (body: Json) => void;
}

/** A live row of a device, with what is to differ. */
export function bodyOf(device: string, { kind = 'observation', local = '1', rev = '1', payload = {}, change }: RowOptions = {}): Json {
  const full = { ...PAYLOADS[kind], ...payload };
  const body: Json = {
    body_schema_version: 1,
    deleted: false,
    deleted_at: null,
    entity_rev: rev,
    id: idOf(kind, device, local),
    kind,
    mutation: null,
    origin_device_id: device,
    origin_local_id: local,
    payload: full,
    payload_schema_version: 2,
    payload_sha256: sha(canonical(full)),
  };
  change?.(body);
  return body;
}

export const row = (device: string, options: RowOptions = {}): WireOp => seal(bodyOf(device, options));

export function tombstone(device: string, options: RowOptions = {}): WireOp {
  return row(device, {
    ...options,
    change: (body) => {
      Object.assign(body, { deleted: true, deleted_at: '2026-01-02T00:00:00.000Z', payload: null, payload_sha256: sha('null') });
      options.change?.(body);
    },
  });
}

export function mutation(device: string, says: unknown, options: { readonly uuid?: string; readonly rev?: string } = {}): WireOp {
  return seal({
    body_schema_version: 1,
    deleted: false,
    deleted_at: null,
    entity_rev: options.rev ?? '1',
    id: `mutation:${options.uuid ?? '0b5a1c9e-7d5f-4a53-9a45-2f1f0a6f7a01'}`,
    kind: 'mutation',
    mutation: says,
    origin_device_id: device,
    origin_local_id: null,
    payload: null,
    payload_schema_version: 2,
    payload_sha256: sha('null'),
  });
}
