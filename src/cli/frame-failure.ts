import { RemoteError } from '../core/ports/remote.ts';
import { asCalled } from './as-called.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { CommandFailure } from './frame-command.ts';
import { printableText, type Style } from './output-style.ts';

/**
 * Anything thrown → what is said of it, with a way out. Bugs keep their stack; what the machine or a remote refused does
 * not need one. `call` is the command line as far as it was understood.
 */
export function failureOf(error: unknown, call: string | null = null): CommandFailure {
  const failure = toFailure(error);
  const { exit, type, message, details } = failure;
  const next = failure.next ?? wayOut(failure, call);
  return next === failure.next || next === undefined ? failure : new CommandFailure(exit, type, message, { next, details, cause: error });
}

/** For failures that name none. Problems of the configuration and bugs say it in their text, and so may others. */
function wayOut({ exit, type, message }: CommandFailure, call: string | null): string | undefined {
  if (type === 'config' || type === 'bug' || call === null || /(?:run|use|first)\W+satchel /i.test(message)) return undefined;
  switch (exit) {
    case EXIT.usage:
      return `Run: satchel ${call} --help`;
    case EXIT.unreachable:
      return 'Run the same again when it is within reach';
    default:
      return call === 'doctor' ? undefined : 'Run: satchel doctor';
  }
}

function toFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof RemoteError) return new CommandFailure(exitOfRemoteError(error), error.type, error.message, { cause: error });
  if (isSystemError(error)) {
    const exit = UNREACHABLE.has(error.code) ? EXIT.unreachable : EXIT.failed;
    return new CommandFailure(exit, error.code, error.message, { cause: error });
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new CommandFailure(EXIT.failed, 'bug', `this is a bug in Satchel: ${text}`, { cause: error });
}

/** Messages may hold foreign names: they are escaped. */
export function failureToText(failure: CommandFailure, style: Style, program: string): string {
  const next = failure.next === undefined ? '' : `\n${asCalled(failure.next, program)}`;
  return `${style.red('satchel:')} ${printableText(failure.message + next)}\n`;
}

/** `{"error": {type, message, next, details, exit}}`. */
export function failureToJson(failure: CommandFailure): unknown {
  const { type, message, next = null, details = null, exit } = failure;
  return { error: { type, message, next, details, exit } };
}

function exitOfRemoteError(error: RemoteError): ExitCode {
  switch (error.type) {
    case 'unreachable':
      return EXIT.unreachable;
    case 'unauthorized':
    case 'refused':
      return EXIT.refused;
    case 'protocol':
    case 'unfit':
      return EXIT.failed;
  }
}

const UNREACHABLE = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'ETIMEDOUT', 'EAI_AGAIN']);

function isSystemError(error: unknown): error is Error & { code: string } {
  // Node's own errors for wrong use (ERR_…) are bugs of ours.
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^E[A-Z_0-9]+$/.test(error.code) &&
    !error.code.startsWith('ERR_')
  );
}
