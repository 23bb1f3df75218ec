import { calledAs, readEnvironment } from '../config/environment.ts';
import type { Clock } from '../core/ports/clock.ts';
import { asCalled, quietNote } from './as-called.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { configFailure, createContext, type CliIo } from './frame-context.ts';
import { failureOf, failureToJson, failureToText } from './frame-failure.ts';
import type { CommandEntry } from './frame-parser.ts';
import { createStyle, safeForTerminal } from './output-style.ts';

export interface CliDeps {
  readonly entries: readonly CommandEntry[];
  readonly io: CliIo;
  readonly clock: Clock;
  readonly version: string;
  /** The variables to read instead of the process's own. */
  readonly variables?: NodeJS.ProcessEnv;
  /** Calls `stop` at the first signal that asks to end; gives back how to stop listening. */
  onStopSignal(stop: () => void): () => void;
}

/**
 * Runs one command line, `argv` without node and script. stdout gets the command's answer (with --json: one document,
 * of failures too), stderr what went wrong. Never throws.
 */
export async function runCli(argv: readonly string[], deps: CliDeps): Promise<ExitCode> {
  const { io, clock } = deps;
  const json = beforeDashes(argv).includes('--json');
  let color = false;
  let program = calledAs(deps.variables);
  const progressOf: { stop: () => void } = { stop() {} };
  let call: string | null = null;
  try {
    if (beforeDashes(argv).find((word) => word !== '--json') === '--version' || argv.includes('-V')) {
      io.stdout.write(json ? `${JSON.stringify({ version: deps.version })}\n` : `satchel ${deps.version}\n`);
      return EXIT.ok;
    }
    const { parseCommandLine } = await import('./frame-parser.ts');
    const invocation = await parseCommandLine(argv, deps.entries, io.stdout.columns ?? 100);
    if ('help' in invocation) {
      const help = asCalled(invocation.help, program) + quietNote(program);
      io.stdout.write(json ? `${JSON.stringify({ help })}\n` : help);
      return EXIT.ok;
    }
    call = invocation.call;
    const environment = deps.variables === undefined ? readEnvironment() : readEnvironment(deps.variables);
    if (!environment.ok) throw configFailure(environment.error);
    if (Object.keys(environment.value.settings).length > 0) {
      const { variableProblems } = await import('../config/check-variables.ts');
      const problems = await variableProblems(environment.value);
      if (problems.length > 0) throw configFailure(problems);
    }
    program = environment.value.program;
    color = environment.value.color && io.stderr.isTTY === true;
    const stopping = new AbortController();
    const stopListening = invocation.leaf.longRunning === true ? deps.onStopSignal(() => stopping.abort()) : () => undefined;
    const context = createContext(invocation, { io, environment: environment.value, clock, json, signal: stopping.signal });
    progressOf.stop = () => context.progress.stop();
    try {
      const result = await invocation.leaf.run(context);
      progressOf.stop();
      if (json) io.stdout.write(`${JSON.stringify(result.json)}\n`);
      else if (result.bytes !== undefined && io.stdout.isTTY !== true) {
        io.stdout.write(result.bytes);
        if (result.aside !== undefined) io.stderr.write(`${safeForTerminal(result.aside)}\n`);
      } else if (result.human !== '') io.stdout.write(`${safeForTerminal(result.human)}\n`);
      if (!json && result.note !== undefined) io.stderr.write(`${safeForTerminal(result.note)}\n`);
      return result.exit ?? EXIT.ok;
    } finally {
      stopListening();
    }
  } catch (error) {
    progressOf.stop();
    const failure = failureOf(error, call);
    if (json) io.stdout.write(`${JSON.stringify(failureToJson(failure))}\n`);
    else io.stderr.write(failureToText(failure, createStyle(color), program));
    return failure.exit;
  }
}

function beforeDashes(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
}
