import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Finished {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes that are fine, besides 0. */
  readonly fine?: readonly number[];
}

/**
 * Runs a command under bash's `time`, which counts the CPU time of its children too (Node cannot). Throws with what it
 * printed where it fails. The shell costs about 2 ms, the same for all peers.
 */
export async function runMeasured(command: readonly string[], options: ProcessOptions = {}): Promise<Finished> {
  const folder = await mkdtemp(path.join(tmpdir(), 'satchel-time-'));
  try {
    const times = path.join(folder, 'times');
    const script = `TIMEFORMAT='%3R %3U %3S'; out=$1; shift; { time "$@" 2>&4; } 4>&2 2>"$out"`;
    const { stdout, stderr } = await run(['bash', '-c', script, 'time', times, ...command], options);
    const [real, user, system] = (await readFile(times, 'utf8')).trim().split(/\s+/).map(Number);
    return { seconds: real!, cpuSeconds: user! + system!, stdout, stderr };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The environment without what tells Node something: with NODE_EXTRA_CA_CERTS, for one, it reads the system's certificates
 * at each start, which takes as long as the rest of its start.
 */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_')));
}

/** Runs a command that is not measured. */
export function run(command: readonly string[], { cwd, env, fine = [] }: ProcessOptions = {}): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), {
      cwd,
      env: { ...plainEnvironment(), LC_ALL: 'C', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0 || fine.includes(code ?? -1)) resolve({ stdout, stderr });
      else reject(new Error(`${command.join(' ')} ended with ${code}:\n${stderr.slice(-2000)}${stdout.slice(-2000)}`));
    });
  });
}

/** The first line that the command prints, or null where it is not installed. */
export async function versionOf(command: readonly string[]): Promise<string | null> {
  try {
    const { stdout, stderr } = await run(command);
    return (stdout || stderr).split('\n')[0]!.trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
