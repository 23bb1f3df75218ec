import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fail, ok, type Result } from '../../core/result.ts';

/** Where a repository is. */
export interface GitAddress {
  readonly driver: 'git';
  /** As shown and kept: parses to itself, and holds no credential. A user's name, which ssh needs, is none. */
  readonly text: string;
  /** What git is given. Begins with a scheme or a user's name, never with a dash. */
  readonly url: string;
  readonly transport: 'ssh' | 'https' | 'http' | 'file';
}

export const GIT_SCHEMES = ['git+ssh', 'git+https', 'git+http', 'git+file'] as const;

const HOST = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i;
const USER = /^[a-z0-9_][a-z0-9_.-]{0,63}$/i;
/** What a path is made of on git hosts. No white space, quotes, shell or URL signs: nobody has to ask what reads them how. */
const PATH = /^[A-Za-z0-9._~/+@=,-]+$/;
const SHORT = /^([^@\s/:]+)@([^@\s/:]+):([^:\s][^\s]*)$/;
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** `git@host:owner/repo.git`, or `null` where the text has another form. */
export function parseShortGitAddress(text: string): Result<GitAddress, string> | null {
  const [, user = '', host = '', path = ''] = SHORT.exec(text) ?? [];
  if (host === '') return null;
  const wrong = whatIsWrong(user, host, path);
  if (wrong !== null) return fail(wrong);
  const lower = host.toLowerCase();
  // A path without a slash in front is one below the user's home, which no URL says.
  if (path.startsWith('/')) return ok(sshAddress(user, lower, '', path));
  return ok({ driver: 'git', text: `${user}@${lower}:${path}`, url: `${user}@${lower}:${path}`, transport: 'ssh' });
}

/** `git+ssh://…`, `git+https://…`, `git+file:///…`. Errors never repeat the text. */
export function parseGitAddress(text: string, scheme: string): Result<GitAddress, string> {
  const plain = text.slice('git+'.length);
  if (!/^[a-z]+:\/\//i.test(plain) || !URL.canParse(plain)) return fail(`this is no URL; write ${scheme}://…`);
  const url = new URL(plain);
  if (url.password !== '') return fail('the address holds a password: addresses are shown and logged; leave it to git’s credential helper');
  if (url.search !== '' || url.hash !== '') return fail('the address of a git repository has neither query nor fragment');
  if (scheme === 'git+file') return parseFile(url);
  let path: string;
  try {
    path = decodeURIComponent(url.pathname);
  } catch {
    return fail('the path of the address cannot be read');
  }
  const host = url.hostname;
  if (scheme === 'git+ssh') {
    const wrong = whatIsWrong(url.username === '' ? 'git' : url.username, host, path);
    if (wrong !== null) return fail(wrong);
    return ok(sshAddress(url.username, host.toLowerCase(), url.port, path));
  }
  if (url.username !== '') {
    return fail('the address holds a user name or a token: addresses are shown and logged; leave it to git’s credential helper');
  }
  const secure = scheme === 'git+https';
  if (!secure && !LOOPBACK.has(host)) return fail('over http anybody on the way reads the credentials: write git+https://');
  const wrong = whatIsWrong('git', LOOPBACK.has(host) ? 'localhost' : host, path);
  if (wrong !== null) return fail(wrong);
  const clean = `${secure ? 'https' : 'http'}://${host}${url.port === '' ? '' : `:${url.port}`}${path}`;
  return ok({ driver: 'git', text: `git+${clean}`, url: clean, transport: secure ? 'https' : 'http' });
}

function sshAddress(user: string, host: string, port: string, path: string): GitAddress {
  const url = `ssh://${user === '' ? '' : `${user}@`}${host}${port === '' || port === '22' ? '' : `:${port}`}${path}`;
  return { driver: 'git', text: `git+${url}`, url, transport: 'ssh' };
}

function whatIsWrong(user: string, host: string, path: string): string | null {
  if (!USER.test(user)) return 'the user’s name in the address cannot be one';
  if (!HOST.test(host)) return 'the address names no host';
  if (path === '' || path === '/' || !PATH.test(path)) return 'the address names no repository, or one whose path has unusual signs';
  if (path.split('/').some((part) => part === '..' || part.startsWith('-'))) return 'the path of the address leads elsewhere';
  return null;
}

function parseFile(url: URL): Result<GitAddress, string> {
  if (url.hostname !== '' || url.username !== '') return fail('a git+file address names a path of this machine: git+file:///path');
  let path: string;
  try {
    path = resolve(fileURLToPath(url));
  } catch {
    return fail('this address names no path of this machine; write git+file:///path');
  }
  if (path === '/' || /[\0-\x1f\x7f"\\]/.test(path)) return fail('the path of the address has unusual signs');
  const { href } = pathToFileURL(path);
  return ok({ driver: 'git', text: `git+${href}`, url: path, transport: 'file' });
}
