/**
 * Adds to package-lock.json the native packages of platforms that the registry which wrote it did not carry, so that
 * `npm ci` and `npm install` find them on those platforms: npm takes only what the lock file names. Their versions are
 * those that their parents ask for; they have no integrity until a registry that carries them writes the file again.
 * Run after a change of dependencies: node scripts/complete-lock.mjs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const OSES = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const CPUS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];
const LIBCS = { gnu: 'glibc', gnueabihf: 'glibc', musl: 'musl', musleabihf: 'musl' };

/** Entries that the lock's packages ask for as optional, and that it lacks: `{path: entry}`. */
export function missingPlatforms(lock) {
  const missing = {};
  for (const [parent, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const at = `node_modules/${name}`;
      if (lock.packages[at] !== undefined || lock.packages[`${parent}/${at}`] !== undefined) continue;
      missing[at] = { version, ...platformOf(name), ...(entry.dev === true ? { dev: true } : {}), optional: true };
    }
  }
  return missing;
}

/** `@x/binding-linux-arm64-musl` → os, cpu and libc. Throws where a name says none: such a package needs a look. */
function platformOf(name) {
  const words = name.slice(name.indexOf('/') + 1).split('-');
  const os = words.filter((word) => OSES.includes(word));
  const cpu = words.filter((word) => CPUS.includes(word));
  if (os.length !== 1 || cpu.length !== 1) throw new Error(`${name} does not name its platform; is it optional for another reason?`);
  const libc = os[0] === 'linux' ? words.map((word) => LIBCS[word]).filter((each) => each !== undefined) : [];
  return { os, cpu, ...(libc.length === 0 ? {} : { libc }) };
}

export function completeLock(lock) {
  const packages = { ...lock.packages, ...missingPlatforms(lock) };
  const sorted = Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
  return { ...lock, packages: Object.fromEntries(sorted) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = path.join(import.meta.dirname, '..', 'package-lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const added = Object.keys(missingPlatforms(lock));
  if (added.length > 0) writeFileSync(file, `${JSON.stringify(completeLock(lock), null, 2)}\n`);
  process.stdout.write(added.length === 0 ? 'nothing is missing\n' : `${added.join('\n')}\n${added.length} added\n`);
}
