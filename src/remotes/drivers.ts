import { fileURLToPath } from 'node:url';
import { resolve } from 'node:path';
import { BLOBS_EXAMPLES, parseBlobsAddress, type BlobsAddress } from '../blobs/address.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { GIT_SCHEMES, parseGitAddress, parseShortGitAddress, type GitAddress } from './git/git-address.ts';

/** Where a remote is, parsed. `text` is what is shown and kept in configuration; it never holds credentials. */
export type RemoteAddress =
  | { readonly driver: 'hub'; readonly text: string; readonly url: string }
  | { readonly driver: 'folder'; readonly text: string; readonly path: string }
  | { readonly driver: BlobsAddress['driver']; readonly text: string; readonly blobs: BlobsAddress }
  | GitAddress;

interface RemoteDriver {
  readonly schemes: readonly string[];
  readonly example: string;
  readonly parse: (text: string, scheme: string) => Result<RemoteAddress, string>;
}

/** The only list of remote drivers: docs/guides/write-a-remote.md says how one joins it. */
const DRIVERS: readonly RemoteDriver[] = [
  { schemes: ['https', 'http'], example: 'https://hub.example.org:4600', parse: parseHub },
  { schemes: ['folder', 'file'], example: 'folder:/media/stick/satchel (or just the path)', parse: parseFolder },
  { schemes: ['s3', 'azure'], example: BLOBS_EXAMPLES.join(', '), parse: parseBucket },
  {
    schemes: GIT_SCHEMES,
    example: 'git@host:owner/repository.git, git+ssh://host/path/repository.git, git+https://host/owner/repository.git',
    parse: parseGitAddress,
  },
];

/**
 * What a person typed → address; a path is taken from the current directory. Errors say what is known, and never repeat the text:
 * it may hold a secret.
 */
export function parseRemoteAddress(text: string): Result<RemoteAddress, string> {
  const trimmed = text.trim();
  if (trimmed === '') return fail(`the address is empty; ${known()}`);
  if (trimmed.includes('\0')) return fail('the address holds a NUL character');
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(trimmed)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    if (/^(\/|\.{1,2}(\/|$)|[a-z]:[\\/])/i.test(trimmed)) return parseFolder(trimmed, 'folder', true);
    const git = parseShortGitAddress(trimmed);
    if (git !== null) return git;
    return fail(`the address has no scheme, and does not begin like a path (/ or ./); ${known()}`);
  }
  if (scheme === 'ssh') return parseSsh(trimmed);
  const driver = DRIVERS.find((each) => each.schemes.includes(scheme));
  if (driver === undefined) return fail(`there is no remote driver for "${scheme}:"; ${known()}`);
  return driver.parse(trimmed, scheme);
}

/** As git hosts show it; nothing else here is reached by ssh. */
function parseSsh(text: string): Result<RemoteAddress, string> {
  return parseGitAddress(`git+${text}`, 'git+ssh');
}

function parseHub(text: string): Result<RemoteAddress, string> {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return fail(`this is no URL; ${known()}`);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    return fail(
      'the URL holds a user name or password: addresses are shown and logged, so Satchel takes no credentials in them; leave them out',
    );
  }
  if (url.hash !== '') return fail('the URL holds a fragment: is it an invitation? Run: satchel join');
  if (url.search !== '') return fail('the URL holds a query: leave it out');
  if (url.pathname.endsWith('.git')) return fail('a git repository is named by its transport: write git+https://…');
  if (url.pathname !== '/')
    return fail('the address of a hub has no path: https://host:4600. A git repository is named by its transport: git+https://…');
  return ok({ driver: 'hub', text: url.origin, url: url.origin });
}

function parseFolder(text: string, scheme: string, bare = false): Result<RemoteAddress, string> {
  const given = bare ? ok(text) : scheme === 'file' ? pathOfFileUrl(text) : ok(text.slice('folder:'.length));
  if (!given.ok) return given;
  if (given.value === '') return fail(`the address names no folder; ${known()}`);
  if (given.value.startsWith('//')) return fail('a folder is named by its path on this machine: mount the share first');
  const path = resolve(given.value);
  return ok({ driver: 'folder', text: `folder:${path}`, path });
}

function parseBucket(text: string): Result<RemoteAddress, string> {
  const parsed = parseBlobsAddress(text);
  return parsed.ok ? ok({ driver: parsed.value.driver, text: parsed.value.text, blobs: parsed.value }) : parsed;
}

function pathOfFileUrl(text: string): Result<string, string> {
  try {
    const url = new URL(text);
    if (url.search !== '' || url.hash !== '') return fail('a file URL has neither query nor fragment here');
    return ok(fileURLToPath(url));
  } catch {
    return fail('this file URL names no folder of this machine; write file:///path');
  }
}

function known(): string {
  return `known are: ${DRIVERS.map((driver) => driver.example).join(', ')}`;
}
