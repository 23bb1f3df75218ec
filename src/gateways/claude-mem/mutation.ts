import { isObject } from './canonical-json.ts';
import { isDecimal } from './decimal.ts';
import { isName } from './payload.ts';

/** What is wrong with a mutation, in the words of a refusal; `null` for one that every client can apply. */
export function mutationProblem(mutation: unknown): string | null {
  if (!isObject(mutation)) return 'mutation must be an object';
  switch (mutation['op']) {
    case 'set_title':
      return exactly(mutation, ['fields', 'op', 'target'], 'set_title') ?? titleProblem(mutation);
    case 'set_prompt_session':
      return exactly(mutation, ['fields', 'op', 'target'], 'set_prompt_session') ?? promptSessionProblem(mutation);
    case 'remap_project':
      return exactly(mutation, ['fields', 'op', 'where'], 'remap_project') ?? remapProblem(mutation);
    default:
      return 'unsupported mutation op';
  }
}

function titleProblem({ target, fields }: Record<string, unknown>): string | null {
  return (
    namesProblem(target, ['content_session_id', 'memory_session_id', 'platform_source'], [], 'set_title.target') ??
    (hasOneOf(target, ['memory_session_id', 'content_session_id']) ? null : 'set_title target requires a session identifier') ??
    exactly(fields, ['custom_title'], 'set_title.fields') ??
    namesProblem(fields, ['custom_title'], ['custom_title'], 'set_title.fields')
  );
}

function promptSessionProblem({ target, fields }: Record<string, unknown>): string | null {
  return (
    exactly(target, ['origin_device_id', 'origin_local_id'], 'set_prompt_session.target') ??
    targetProblem(target as Record<string, unknown>) ??
    namesProblem(
      fields,
      ['content_session_id', 'memory_session_id', 'platform_source', 'project'],
      ['memory_session_id'],
      'set_prompt_session.fields',
    )
  );
}

function targetProblem(target: Record<string, unknown>): string | null {
  if (!isDeviceId(target['origin_device_id'])) return 'set_prompt_session.target.origin_device_id is no device id';
  return isDecimal(target['origin_local_id']) ? null : 'set_prompt_session.target.origin_local_id must be a decimal string';
}

function remapProblem({ where, fields }: Record<string, unknown>): string | null {
  if (!isObject(where)) return 'remap_project.where must be an object';
  const { merged_into_project_is_null: isNull, ...names } = where;
  if (isNull !== undefined && isNull !== true) return 'merged_into_project_is_null may only be true';
  return (
    namesProblem(names, ['memory_session_id', 'project'], [], 'remap_project.where') ??
    (Object.keys(where).length > 0 ? null : 'remap_project where is empty') ??
    namesProblem(fields, ['merged_into_project', 'project'], [], 'remap_project.fields') ??
    (hasOneOf(fields, ['merged_into_project', 'project']) ? null : 'remap_project fields are empty')
  );
}

/** An object of names: those that may be there, and those that must. */
function namesProblem(value: unknown, may: readonly string[], must: readonly string[], where: string): string | null {
  if (!isObject(value)) return `${where} must be an object`;
  for (const [key, name] of Object.entries(value)) {
    if (!may.includes(key)) return `${where} contains unknown field ${key}`;
    if (!isName(name)) return `${where}.${key} must be a non-blank string`;
  }
  for (const key of must) if (value[key] === undefined) return `${where}.${key} is needed`;
  return null;
}

function exactly(value: unknown, keys: readonly string[], where: string): string | null {
  const isExact = isObject(value) && Object.keys(value).length === keys.length && keys.every((key) => Object.hasOwn(value, key));
  return isExact ? null : `${where} must contain exactly: ${keys.join(', ')}`;
}

function hasOneOf(value: unknown, keys: readonly string[]): boolean {
  return isObject(value) && keys.some((key) => Object.hasOwn(value, key));
}

/** How long a device's id may be, bytes. */
const DEVICE_ID_BYTES = 128;

export function isDeviceId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= DEVICE_ID_BYTES;
}
