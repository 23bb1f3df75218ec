import { access } from 'node:fs/promises';
import path from 'node:path';

/**
 * Says how far an installation is while npm is silent: each second on one line of a terminal, elsewhere a line each half
 * minute. Returns how to stop it.
 */
export function showInstalling(root, wanted, { stderr = process.stderr, now = Date.now, every = stderr.isTTY ? 1_000 : 30_000 } = {}) {
  const began = now();
  let last = Promise.resolve();
  const show = async () => {
    const line = progressLine(await countInstalled(root, wanted), wanted.length, Math.round((now() - began) / 1000));
    stderr.write(stderr.isTTY ? `\r${line}\u001b[K` : `${line}\n`);
  };
  const timer = setInterval(() => {
    last = last.then(show, show);
  }, every);
  return async () => {
    clearInterval(timer);
    await last.catch(() => undefined);
    if (stderr.isTTY) stderr.write('\r\u001b[K');
  };
}

export function progressLine(here, all, seconds) {
  const what = here < all ? `${here} of ${all} packages` : `all ${all} packages are here, compiling what is native`;
  return `  ${what}, ${seconds} s`;
}

/** How many of the packages' folders are there. */
export async function countInstalled(root, wanted) {
  const found = await Promise.all(
    wanted.map((name) =>
      access(path.join(root, name, 'package.json')).then(
        () => 1,
        () => 0,
      ),
    ),
  );
  return found.reduce((sum, one) => sum + one, 0);
}

/** The packages that a lock file asks for here, by their folders: not those of other platforms. */
export function wantedPackages(lock) {
  return Object.entries(lock?.packages ?? {}).flatMap(([name, entry]) => (name === '' || entry.optional || entry.link ? [] : [name]));
}
