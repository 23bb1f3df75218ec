import { RemoteError } from '../core/ports/remote.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { CommandFailure } from './frame-command.ts';
import { printableText, type Style } from './output-style.ts';

/** Anything thrown → what is said of it. Bugs keep their stack; what the machine or a remote refused does not need one. */
export function failureOf(error: unknown): CommandFailure {
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
export function failureToText(failure: CommandFailure, style: Style): string {
  const next = failure.next === undefined ? '' : `\n${failure.next}`;
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
