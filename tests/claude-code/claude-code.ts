import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The newest version that all that is said about Claude Code here was measured on. */
const VERSION = '2.1.329';

/** The real program, fetched from the npm registry once and kept among the temporary files. Throws where it cannot be had. */
export async function installClaudeCode(version = VERSION): Promise<string> {
  const folder = path.join(tmpdir(), `satchel-claude-code-${version}`);
  const found = await binaryIn(folder);
  if (found !== null) return found;
  const fresh = `${folder}.${process.pid}`;
  await mkdir(fresh, { recursive: true });
  await writeFile(path.join(fresh, 'package.json'), '{"private": true}\n');
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', `@anthropic-ai/claude-code@${version}`], { cwd: fresh });
  await rm(folder, { recursive: true, force: true });
  await rename(fresh, folder);
  const binary = await binaryIn(folder);
  if (binary === null) throw new Error('the package holds no program for this system');
  return binary;
}

async function binaryIn(folder: string): Promise<string | null> {
  const scope = path.join(folder, 'node_modules', '@anthropic-ai');
  const libc = process.platform === 'linux' && existsSync('/lib/ld-musl-x86_64.so.1') ? '-musl' : '';
  const file = path.join(
    scope,
    `claude-code-${process.platform}-${process.arch}${libc}`,
    process.platform === 'win32' ? 'claude.exe' : 'claude',
  );
  return existsSync(file) ? file : null;
}

export interface Answer {
  readonly session: string;
  readonly text: string;
}

export interface ClaudePlace {
  readonly home: string;
  readonly cwd: string;
  readonly api: string;
}

/** Runs the program once, without a terminal, as somebody with this HOME in this folder. Gives what it prints. */
export async function runClaude(binary: string, place: ClaudePlace, args: readonly string[]): Promise<string> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: place.home,
    ANTHROPIC_BASE_URL: place.api,
    ANTHROPIC_API_KEY: 'sk-ant-test',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
  };
  const asked = run(binary, [...args], { cwd: place.cwd, env, timeout: 60_000 });
  asked.child.stdin?.end();
  return (await asked).stdout;
}

/** Asks the model once. */
export async function askClaude(binary: string, place: ClaudePlace, args: readonly string[]): Promise<Answer> {
  const printed = await runClaude(binary, place, ['-p', '--output-format', 'json', ...args]);
  const { session_id: session, result: text } = JSON.parse(printed) as { session_id: string; result: string };
  return { session, text };
}
