import type { Environment } from '../config/environment.ts';
import { problemToText, type ConfigProblem } from '../config/problem.ts';
import type { Clock } from '../core/ports/clock.ts';
import { asCalled } from './as-called.ts';
import { EXIT } from './exit-codes.ts';
import { sameCommand } from './frame-again.ts';
import { CommandFailure, type CommandContext } from './frame-command.ts';
import type { Invocation } from './frame-parser.ts';
import { createStyle, safeForTerminal } from './output-style.ts';
import { createProgress, SILENT_PROGRESS } from './progress.ts';

/** The three streams as the frame uses them. */
export interface CliIo {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: CliOutput;
  readonly stderr: CliOutput;
}

export interface CliOutput {
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface ContextDeps {
  readonly io: CliIo;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

export function createContext(invocation: Invocation, { io, environment, clock, json, signal }: ContextDeps): CommandContext {
  const style = createStyle(environment.color && io.stdout.isTTY === true && !json);
  const progress =
    io.stderr.isTTY === true && !json
      ? createProgress({ clock, write: (text) => void io.stderr.write(text), columns: () => io.stderr.columns || 80 })
      : SILENT_PROGRESS;
  return {
    args: invocation.args as CommandContext['args'],
    options: invocation.options as CommandContext['options'],
    json,
    environment,
    style,
    asCalled: (text) => asCalled(text, environment.program),
    again: (more) => sameCommand(invocation, more),
    clock,
    progress,
    signal,
    async config(flags) {
      const { loadConfig } = await import('../config/config.ts');
      const config = await loadConfig(environment, flags);
      if (!config.ok) throw configFailure(config.error);
      return config.value;
    },
    print(line) {
      if (json) return;
      progress.stop();
      io.stdout.write(`${safeForTerminal(asCalled(line, environment.program))}\n`);
    },
    isTerminal: io.stdout.isTTY === true && !json,
    ask: (question) => (json || io.stdin.isTTY !== true || io.stderr.isTTY !== true ? Promise.resolve(null) : askOnTerminal(io, question)),
    readStdin: async (limit) => decodeText(await readAll(io.stdin, limit)),
    readStdinBytes: (limit) => readAll(io.stdin, limit),
  };
}

/** All problems in one failure, a line each. */
export function configFailure(problems: readonly ConfigProblem[]): CommandFailure {
  return new CommandFailure(EXIT.usage, 'config', problems.map(problemToText).join('\n'), { details: problems });
}

async function askOnTerminal(io: CliIo, question: string): Promise<string | null> {
  // Where an answer ended the input, nothing comes any more, and no end either.
  if ('readableEnded' in io.stdin && io.stdin.readableEnded === true) return null;
  const { createInterface } = await import('node:readline');
  // The question goes to stderr: stdout may be a file.
  const lines = createInterface({ input: io.stdin, output: io.stderr as unknown as NodeJS.WritableStream });
  // An end of input that came before the terminal was asked is a NUL to whoever reads its keys one by one.
  const closeAtEnd = (_text: unknown, key: { readonly sequence?: string } | undefined): void => {
    if (key?.sequence === '\0') lines.close();
  };
  io.stdin.on('keypress', closeAtEnd);
  try {
    return await new Promise((resolve) => {
      lines.once('close', () => resolve(null));
      lines.question(question, resolve);
    });
  } finally {
    io.stdin.off('keypress', closeAtEnd);
    lines.close();
  }
}

async function readAll(stdin: NodeJS.ReadableStream, limit: number): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of stdin) {
    const bytes = Buffer.from(part);
    length += bytes.length;
    if (length > limit) throw new CommandFailure(EXIT.usage, 'usage', `more than ${limit} bytes on standard input`);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CommandFailure(EXIT.usage, 'usage', 'standard input is not UTF-8 text', { cause: error });
  }
}
