import { spawnSync } from 'node:child_process';

/** Installs Debian packages where `program` is not there. Fails loudly where it cannot. Takes a minute or two. */
export function ensureDebianPackages(program: string, packages: readonly string[]): void {
  if (isThere(program)) return;
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !isThere('apt-get')) {
    throw new Error(`${program} is missing, and this user cannot install it here. On Debian or Ubuntu, as root: ${command}`);
  }
  process.stderr.write(`Installing Debian's ${packages.join(', ')} …\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], command.split(' ').slice(1)]) {
    // Another test may be installing something else just now.
    const { status, stderr } = spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=600', ...args], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (status !== 0) throw new Error(`apt-get ${args.join(' ')} ended with ${status}:\n${stderr}`);
  }
  if (!isThere(program)) throw new Error(`${program} is missing after: ${command}`);
}

function isThere(program: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).status === 0;
}
