import type { z } from 'zod';
import { ENVIRONMENT_SETTINGS } from './environment.ts';
import { nearestName } from './nearest-name.ts';
import type { ConfigProblem } from './problem.ts';
import { KNOWN_KEYS } from './schema.ts';

type Issue = z.core.$ZodIssue;

/** A zod issue in our words: names the key and the type of the wrong value, never the value, which may be a secret; a number as it is. */
export function issueToProblems(issue: Issue, where: string, input: unknown, name?: string): ConfigProblem[] {
  const key = name ?? pathToText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((unknown) => unknownKeyProblem(where, issue.path, unknown));
  }
  const wrong = valueAt(input, issue.path);
  if (wrong === undefined && issue.path.length > 0) {
    return [{ where, key, message: `is missing; ${expectation(issue)}`, fix: `Set ${key}${hint(issue.path, key)}` }];
  }
  // A number is no secret; nor is what is short and was to be a port.
  const named =
    typeof wrong === 'number' ? String(wrong) : name === ENVIRONMENT_SETTINGS.port && isShort(wrong) ? JSON.stringify(wrong) : null;
  // Of a text that has another form than it should, its type says nothing.
  const isForm = typeof wrong === 'string' && wrong !== '' && FORMS.has(issue.code);
  const message = isForm && named === null ? expectation(issue) : `${expectation(issue)}, got ${named ?? typeName(wrong)}`;
  if (issue.code === 'invalid_value') return [{ where, key, message, fix: 'Choose one of them' }];
  return [{ where, key, message, fix: `Set ${key}${hint(issue.path, key)}` }];
}

/** Issues that are about what a text says. */
const FORMS: ReadonlySet<string | undefined> = new Set(['custom', 'invalid_format', 'invalid_union']);

function isShort(value: unknown): boolean {
  return typeof value === 'string' && /^[\x20-\x7e]{1,8}$/.test(value);
}

/** zod checks a list as a whole only once all its entries are right; we want all problems at once. */
export function duplicateIdProblems(where: string, sources: unknown): ConfigProblem[] {
  if (!Array.isArray(sources)) return [];
  const seen = new Set<unknown>();
  return sources.flatMap((source: unknown, index) => {
    const id = valueAt(source, ['id']);
    if (typeof id !== 'string') return [];
    if (!seen.has(id)) {
      seen.add(id);
      return [];
    }
    return [
      { where, key: `sources[${index}].id`, message: 'is the id of an earlier source too', fix: 'Give each source an id of its own' },
    ];
  });
}

/** `logLevel` → `--log-level`. */
export function flagName(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function unknownKeyProblem(where: string, path: readonly PropertyKey[], unknown: string): ConfigProblem {
  const known = KNOWN_KEYS[path.filter((part) => typeof part === 'string').join('.')] ?? [];
  const near = nearestName(unknown, known);
  const fix = near === null ? `Remove it; known here are ${known.join(', ')}` : `Did you mean ${near}?`;
  return { where, key: pathToText([...path, unknown]), message: 'is not a known key', fix };
}

/** What zod wanted, in words for people; never the value. */
export function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${article(issue.expected === 'int' ? 'whole number' : issue.expected)}`;
    case 'invalid_value':
      return `expected one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `expected at least ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `expected at most ${issue.maximum}${unitOf(issue.origin)}`;
    default:
      return issue.message;
  }
}

/** What a right value looks like, by the setting's key. */
const HINTS: Readonly<Record<string, string>> = {
  host: 'a host name or an IP address, e.g. 127.0.0.1',
  port: 'a whole number from 0 to 65535, e.g. 4600',
  hub: 'true or false',
  store: 'where a database is, e.g. postgres://satchel@db.example.org/satchel',
  objects: 'where a bucket is, e.g. s3://bucket/prefix?endpoint=https://minio.example.org',
  logLevel: 'one of trace, debug, info, warn, error, silent',
  publicUrl: 'where others reach it, e.g. https://hub.example.org',
  proxies: 'a list of IP addresses, e.g. ["10.0.0.5"]',
  names: 'a list of host names, e.g. ["hub.example.org"]',
  sources: 'a list, e.g. [{"id": "notes", "path": "~/notes"}]',
  'sources.id': 'a short name, e.g. notes',
  'sources.path': 'the folder to capture, e.g. ~/notes',
  'sources.space': 'the name of a space',
  'sources.include': 'a list of patterns, e.g. ["**/*.md"]',
  claude: 'an object, e.g. {"categories": {"sessions": false}}',
  'claude.categories': 'categories on or off, e.g. {"sessions": false}',
  'claude.include': 'a list of patterns, e.g. ["my-notes/**"]',
  'claude.exclude': 'a list of patterns, e.g. ["plans/private/**"]',
  'claude.notSecret': 'a list of places, e.g. ["settings.json#/env/GREETING"]',
  'sources.exclude': 'a list of patterns, e.g. ["tmp/**"]',
};

function hint(path: readonly PropertyKey[], key: string): string {
  const setting = Object.entries(ENVIRONMENT_SETTINGS).find(([name, variable]) => key === variable || key === flagName(name))?.[0];
  const text = HINTS[setting ?? path.filter((part) => typeof part === 'string').join('.')];
  return text === undefined ? '' : ` to ${text}`;
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a fraction';
  return article(typeof value);
}

function article(noun: string): string {
  const said = noun === 'array' ? 'list (array)' : noun;
  return `${/^[aeio]/.test(said) ? 'an' : 'a'} ${said}`;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) value = typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined;
  return value;
}

function pathToText(path: readonly PropertyKey[]): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`)).join('');
}
