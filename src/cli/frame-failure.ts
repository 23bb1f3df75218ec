import { RemoteError } from '../core/ports/remote.ts';
import { DamagedKeyFile } from '../node/damaged-key-file.ts';
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
  if (error instanceof DamagedKeyFile)
    return new CommandFailure(EXIT.failed, 'damaged-key', error.message, { next: error.remedy, cause: error });
  if (error instanceof RemoteError) return new CommandFailure(exitOfRemoteError(error), error.type, error.message, { cause: error });
  if (isSystemError(error)) {
    const place = placeFailure(error);
    if (place !== null) return new CommandFailure(EXIT.usage, error.code, place.message, { next: place.next, cause: error });
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

/** What is wrong with a path that was given, by argument or environment, and what to do; `null` for other failures. */
function placeFailure(error: Error & { code: string; path?: unknown }): { message: string; next: string } | null {
  if (typeof error.path !== 'string') return null;
  const place = JSON.stringify(error.path);
  const other = 'or name another place: SATCHEL_HOME=…';
  switch (error.code) {
    case 'EACCES':
    case 'EPERM':
      return {
        message: `this user has no access to ${place} (${error.code})`,
        next: `Look at its owner and mode, and at its folder's, ${other}`,
      };
    case 'EROFS':
      return { message: `${place} is on a file system that is read-only`, next: `Mount it for writing, ${other}` };
    case 'ENOTDIR':
      return { message: `a folder is needed for ${place}, and a file stands in its place`, next: `Move that file away, ${other}` };
    case 'EISDIR':
      return { message: `a file is needed at ${place}, and a folder stands there`, next: 'Name the file' };
    default:
      return null;
  }
}
