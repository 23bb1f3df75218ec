import { access } from 'node:fs/promises';
import path from 'node:path';

/** What is installed at one time, by what it writes to: each says how far it is, and a terminal has one line for all of them. */
const underWay = new WeakMap();

function linesOf(stderr) {
  if (!underWay.has(stderr)) underWay.set(stderr, new Map());
  return underWay.get(stderr);
}

/** Says something on a line of its own, whatever stands in the one that shows how far installations are. */
export function sayAbove(text, stderr = process.stderr) {
  stderr.write(`${stderr.isTTY ? '\r\u001b[K' : ''}${text}\n`);
  showAll(stderr);
}

function showAll(stderr) {
  const lines = [...linesOf(stderr).values()].filter((line) => line !== '');
  if (stderr.isTTY && lines.length > 0) stderr.write(`\r  ${lines.join('; ')}\u001b[K`);
}

/**
 * Says how far an installation is while npm is silent: each second on one line of a terminal, which those of one time share, elsewhere a
 * line each half minute. `what`: the packages, in a word. Returns how to stop it.
 */
export function showInstalling(
  root,
  wanted,
  { what = 'packages', stderr = process.stderr, now = Date.now, every = stderr.isTTY ? 1_000 : 30_000 } = {},
) {
  const began = now();
  const mine = Symbol(root);
  const lines = linesOf(stderr);
  lines.set(mine, '');
  let last = Promise.resolve();
  const show = async () => {
    const line = progressLine(await countInstalled(root, wanted), wanted.length, Math.round((now() - began) / 1000), what);
    lines.set(mine, line);
    if (stderr.isTTY) showAll(stderr);
    else stderr.write(`  ${line}\n`);
  };
  const timer = setInterval(() => {
    last = last.then(show, show);
  }, every);
  return async () => {
    clearInterval(timer);
    await last.catch(() => undefined);
    lines.delete(mine);
    if (stderr.isTTY) stderr.write('\r\u001b[K');
    showAll(stderr);
  };
}

export function progressLine(here, all, seconds, what) {
  return `${here < all ? `${here} of ${all} ${what}` : `all ${all} ${what} are here, compiling`}, ${seconds} s`;
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
