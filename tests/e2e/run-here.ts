import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { runCli } from '../../src/cli/frame.ts';
import { COMMANDS } from '../../src/cli/main-commands.ts';
import type { CommandSpec, LeafSpec } from '../../src/cli/frame-command.ts';
import { createSystemClock } from '../../src/node/system.ts';
import type { Outcome } from './machine.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

/**
 * The whole command line as the program has it, in this process: hundreds of lines in the time that a few processes
 * take. Without a terminal.
 */
export async function runHere(args: readonly string[], home: string, input = '', variables: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const take = (text: string | Uint8Array): string => (typeof text === 'string' ? text : Buffer.from(text).toString('utf8'));
  const code = await runCli(args, {
    entries: COMMANDS,
    io: {
      stdin: Readable.from(input === '' ? [] : [Buffer.from(input)]),
      stdout: { write: (text) => (written.stdout += take(text)) },
      stderr: { write: (text) => (written.stderr += take(text)) },
    },
    clock: createSystemClock(),
    version,
    variables: { HOME: home, SATCHEL_PORT: '0', ...variables },
    onStopSignal: () => () => undefined,
  });
  return { code, ...written };
}

/** One thing to run, with the words that call it. */
export interface Leaf {
  readonly call: string;
  readonly words: readonly string[];
  readonly spec: LeafSpec;
}

/** Every command and verb of the registry. */
export async function allLeaves(): Promise<Leaf[]> {
  const leaves: Leaf[] = [];
  for (const entry of COMMANDS) {
    const { name } = entry;
    const spec: CommandSpec = await entry.load();
    if (!('verbs' in spec)) leaves.push({ call: name, words: [name], spec });
    else for (const [verb, leaf] of Object.entries(spec.verbs)) leaves.push({ call: `${name} ${verb}`, words: [name, verb], spec: leaf });
  }
  return leaves;
}

/** `olderThan` → `--older-than`. */
export function flagOf(option: string): string {
  return `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
