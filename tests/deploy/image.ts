import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import path from 'node:path';

/** What is built: this clone. */
const repository = path.resolve(import.meta.dirname, '../..');
/** User and group of the images: node, and 1000. */
const USER = 1000;

/** What the steps of a container file made: a file system but for the system's own folders, and what runs in it. */
export interface Image {
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly entrypoint: readonly string[];
  readonly health: readonly string[];
}

interface Stage {
  readonly root: string;
  readonly env: Record<string, string>;
  workdir: string;
  entrypoint: string[];
  health: string[];
}

/**
 * Does the steps of a container file one after the other, without an engine: with this machine's Node in the place of the base image's,
 * and `/app` and `/data` below a folder. Throws at a step that it does not know, and at one that fails.
 */
export function buildImage(file: string, folder: string): Image {
  const stages = new Map<string, Stage>();
  let stage: Stage | undefined;
  const lines = readFileSync(path.join(repository, file), 'utf8').split('\n');
  for (const line of lines.filter((each) => each.trim() !== '' && !each.startsWith('#'))) {
    const [, step = '', rest = ''] = /^(\w+) (.+)$/.exec(line) ?? [];
    if (step === 'FROM') {
      const name = / AS (\w+)$/i.exec(rest)?.[1] ?? 'last';
      stage = { root: path.join(folder, name), env: {}, workdir: '/', entrypoint: [], health: [] };
      mkdirSync(stage.root, { recursive: true });
      stages.set(name, stage);
    } else if (stage === undefined) throw new Error(`${file}: ${line}`);
    else doStep(stage, step, rest, stages);
  }
  const last = stages.get('last');
  if (last === undefined) throw new Error(`${file} ends in no stage`);
  return last;
}

function doStep(stage: Stage, step: string, rest: string, stages: ReadonlyMap<string, Stage>): void {
  const inStage = (place: string): string => path.join(stage.root, path.resolve(stage.workdir, place));
  switch (step) {
    case 'WORKDIR':
      stage.workdir = path.resolve(stage.workdir, rest);
      mkdirSync(inStage('.'), { recursive: true });
      return;
    case 'ENV':
      for (const pair of rest.split(' ')) stage.env[pair.slice(0, pair.indexOf('='))] = pair.slice(pair.indexOf('=') + 1);
      return;
    case 'COPY':
      return copy(rest, inStage, stages);
    case 'RUN':
      return runStep(rest, stage, inStage('.'));
    case 'HEALTHCHECK':
      stage.health = wordsIn(rest);
      return;
    case 'ENTRYPOINT':
      stage.entrypoint = wordsIn(rest);
      return;
    case 'USER':
    case 'VOLUME':
    case 'EXPOSE':
    case 'STOPSIGNAL':
      return; // what runImage does
    default:
      throw new Error(`a step that is not known here: ${step} ${rest}`);
  }
}

function copy(rest: string, inStage: (place: string) => string, stages: ReadonlyMap<string, Stage>): void {
  const [, from, what = ''] = /^(?:--from=(\w+) )?(.+)$/.exec(rest) ?? [];
  const places = what.split(' ');
  const target = places.pop() ?? '';
  const source = from === undefined ? repository : stages.get(from)?.root;
  if (source === undefined) throw new Error(`COPY from a stage that is not there: ${rest}`);
  for (const place of places) {
    const isInto = target.endsWith('/') && !lstatSync(path.join(source, place)).isDirectory();
    cpSync(path.join(source, place), isInto ? path.join(inStage(target), path.basename(place)) : inStage(target), { recursive: true });
  }
}

/** By a shell, as root. Only `install` is given places of the image's root, for a user by a number: its base image knows `node`. */
function runStep(command: string, stage: Stage, cwd: string): void {
  const placed = command.startsWith('install ')
    ? command.replaceAll('-o node -g node', `-o ${USER} -g ${USER}`).replace(/ (?=\/)/g, ` ${stage.root}`)
    : command;
  const env = { ...stage.env, PATH: process.env['PATH'], HOME: process.env['HOME'] };
  const { status, stderr, stdout } = spawnSync('sh', ['-c', placed], { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`RUN ${command} ended with ${status}:\n${stdout}${stderr}`);
}

function wordsIn(step: string): string[] {
  return JSON.parse(/\[.*\]$/.exec(step)?.[0] ?? '[]') as string[];
}

/** Of the system, as the base image would bring it. */
const SYSTEM = ['usr', 'bin', 'sbin', 'lib', 'lib64', 'etc'];

/** In namespaces of its own, of processes, mounts and network: a root that is read-only but for /data and /tmp, no rights, no network. */
const RUN = `set -eu
root=$1; workdir=$2; shift 2
ip link set lo up
mount --make-rprivate /
mount --bind "$root" "$root"
for name in ${SYSTEM.join(' ')}; do
  [ -d "/$name" ] && ! [ -L "/$name" ] && mount --rbind "/$name" "$root/$name"
done
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind "$root/data" "$root/data"
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid=${USER} --regid=${USER} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \\
  sh -c 'cd "$1"; shift; exec "$@"' sh "$workdir" "$@"`;

/** The entry point of an image as its engine would start it. `secrets`: what is mounted at /run/secrets. */
export function runImage(image: Image, secrets: string | null): ChildProcess {
  const { root, env, workdir, entrypoint } = image;
  for (const name of SYSTEM) {
    const isLink = existsSync(`/${name}`) && lstatSync(`/${name}`).isSymbolicLink();
    if (isLink) symlinkSync(readlinkSync(`/${name}`), path.join(root, name));
    else mkdirSync(path.join(root, name), { recursive: true });
  }
  for (const name of ['dev', 'proc', 'tmp', 'run']) mkdirSync(path.join(root, name), { recursive: true });
  if (secrets !== null) {
    cpSync(secrets, path.join(root, 'run', 'secrets'), { recursive: true });
    chmodSync(path.join(root, 'run', 'secrets'), 0o755);
    spawnSync('chown', ['-R', `${USER}:${USER}`, path.join(root, 'run', 'secrets')]);
  }
  chownSync(root, 0, 0);
  chmodSync(root, 0o755);
  const alone = ['--mount', '--net', '--pid', '--fork', '--kill-child'];
  return spawn('unshare', [...alone, 'sh', '-c', RUN, 'sh', root, workdir, ...entrypoint], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs a command in the image that `pid` runs, as its engine would the health check. */
export function runInside({ root, env, workdir }: Image, pid: number, words: readonly string[]): number | null {
  const rights = [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--no-new-privs', '--bounding-set=-all'];
  const inside = ['--target', `${pid}`, '--mount', '--net', '--pid', 'chroot', root, 'setpriv', ...rights];
  const enter = ['sh', '-c', 'cd "$1"; shift; exec "$@"', 'sh', workdir, ...words];
  return spawnSync('nsenter', [...inside, ...enter], { env: { PATH: process.env['PATH'], ...env }, stdio: 'ignore' }).status;
}
