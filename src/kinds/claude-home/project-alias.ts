import { sha256Hex } from '../../core/crypto/hash.ts';

/**
 * What a project is recognised by on any machine: `git:HOST/PATH` (and `#FOLDER` for a folder inside the checkout),
 * `home:FOLDER` relative to the home, or `path:/FOLDER` outside of it. NFC, slash-separated.
 */
export type ProjectAlias = string;

const HEX = 12;

/** The id that every machine mints for a project that it knows by this alias first: readable, and hard to collide. */
export function mintProjectId(alias: ProjectAlias): string {
  const words = alias.split(/[/#:]/).filter((part) => part !== '');
  const slug = (words.at(-1) ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  const hash = sha256Hex('satchel/v1/project\0', alias).slice(0, HEX);
  return slug === '' ? hash : `${slug}-${hash}`;
}

export function isGitAlias(alias: ProjectAlias): boolean {
  return alias.startsWith('git:');
}

/** The folder that a `home:` or `path:` alias names here; `null` for others. `home` is absolute. */
export function pathOfAlias(alias: ProjectAlias, home: string): string | null {
  if (alias.startsWith('home:')) return alias === 'home:' ? home : `${home}/${alias.slice('home:'.length)}`;
  return alias.startsWith('path:') ? alias.slice('path:'.length) : null;
}

/** `home:` where the path lies in the home, else `path:`. Both absolute; backslashes count as slashes after a drive letter. */
export function aliasOfPath(path: string, home: string): ProjectAlias {
  const [whole, root] = [slashed(path), slashed(home).replace(/\/$/, '')];
  if (whole === root) return 'home:';
  return whole.startsWith(`${root}/`) ? `home:${whole.slice(root.length + 1)}` : `path:${whole}`;
}

function slashed(path: string): string {
  return (/^[a-zA-Z]:\\/.test(path) ? path.replaceAll('\\', '/') : path).normalize('NFC');
}

/**
 * `git:HOST/PATH` of a remote's address, the same for every way to write it (ssh, https, scp-like; user, password, port and
 * `.git` left out). `inner` is the folder inside the checkout, `''` for its root. `null` for a path on this machine.
 */
export function aliasOfRemote(url: string, inner: string): ProjectAlias | null {
  const place = parseRemote(url.trim());
  if (place === null) return null;
  const path = place.path
    .replace(/^\/+|\/+$/g, '')
    .replace(/\.git$/i, '')
    .replace(/\/+$/, '');
  if (path === '') return null;
  const folder = inner === '' ? '' : `#${inner}`;
  return `git:${place.host.toLowerCase()}/${path}${folder}`.normalize('NFC');
}

function parseRemote(url: string): { readonly host: string; readonly path: string } | null {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) {
    const parsed = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/@]*@)?(\[[^\]]*\]|[^/:]*)(?::\d*)?\/(.*)$/i.exec(url);
    const [, scheme, host, path] = parsed ?? [];
    if (scheme === undefined || host === undefined || host === '' || path === undefined || scheme.toLowerCase() === 'file') return null;
    return { host, path };
  }
  // `host:path`, but neither a drive letter nor a path with a colon in it.
  const scp = /^(?:[^/@:]*@)?(\[[^\]]*\]|[^/:]{2,}):(?!\/\/)(.+)$/.exec(url);
  return scp === null ? null : { host: scp[1] as string, path: scp[2] as string };
}
