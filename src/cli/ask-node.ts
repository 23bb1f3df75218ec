import { request, type IncomingMessage } from 'node:http';
import { request as secureRequest } from 'node:https';
import { nodeHome, readPrivate } from '../node/home.ts';
import { readRunning } from '../node/running.ts';
import type { OperationInput, OperationName, OperationOutput } from '../node/operations/table.ts';
import { createAnswerProgress, type AnswerProgress } from './answer-progress.ts';
import { cutAnswer, isCut } from './cut-answer.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { printable } from './output-style.ts';
import { CommandFailure, type CommandContext } from './frame-command.ts';

/** Operations that only make sense in the process that runs the node. */
interface AskOptions {
  /** Refuse where no node runs, instead of opening the store for a moment. */
  readonly needsRunning?: boolean;
}

const KIND_EXIT: Readonly<Record<string, ExitCode>> = {
  failed: EXIT.failed,
  usage: EXIT.usage,
  open: EXIT.open,
  unreachable: EXIT.unreachable,
  refused: EXIT.refused,
};

/**
 * Asks this machine's node: the running one over loopback, else one that is opened in this process for the question.
 * Throws CommandFailure with the failure's own words.
 */
export async function askNode<N extends OperationName>(
  context: CommandContext,
  name: N,
  input: OperationInput<N>,
  options: AskOptions = {},
): Promise<OperationOutput<N>> {
  const home = nodeHome(context.environment.home);
  const running = await readRunning(home);
  const token = await readPrivate(home.token);
  if (running?.address != null && token !== null) {
    const progress = createAnswerProgress(context);
    const answer = await askRunning(context, running.address, token.trim(), name, input, progress)
      .catch(async (error: unknown) => {
        throw isCut(error) && !context.signal.aborted ? await cutAnswer(home, name) : error;
      })
      .finally(() => progress.stop());
    if (answer === CUT) {
      const cut = await cutAnswer(home, name);
      if (options.needsRunning === true) throw cut;
      return (await askInProcess(context, name, input, cut)) as OperationOutput<N>;
    }
    if (answer !== NOT_THERE) return answer as OperationOutput<N>;
  }
  if (options.needsRunning === true) {
    const { waitingFailure } = await import('./waiting-failure.ts');
    throw (
      (await waitingFailure(home)) ??
      new CommandFailure(EXIT.failed, 'not-running', 'the node is not running', {
        next: 'Run: satchel up (or: satchel service install)',
      })
    );
  }
  return (await askInProcess(context, name, input)) as OperationOutput<N>;
}

/** @param cut what to say where a node turns out to run: it was asked, and its answer was cut. */
async function askInProcess(context: CommandContext, name: OperationName, input: unknown, cut?: CommandFailure): Promise<unknown> {
  const inProcess = await import('./ask-in-process.ts');
  try {
    return await inProcess.askInProcess(context, name, input);
  } catch (error) {
    throw cut !== undefined && error instanceof CommandFailure && error.type === 'running' ? cut : error;
  }
}

/** The running node's note is stale: it ended without taking it away. */
const NOT_THERE = Symbol('not there');
/** The connection was cut before any answer: by another program, by a node that ended, or by one that runs. */
const CUT = Symbol('cut');

function askRunning(
  context: CommandContext,
  address: string,
  token: string,
  name: string,
  input: unknown,
  progress: AnswerProgress,
): Promise<unknown> {
  const url = new URL(`/v1/node/${name}`, localAddress(address));
  const secure = url.protocol === 'https:';
  const body = JSON.stringify(input);
  return new Promise((resolve, reject) => {
    const sent = (secure ? secureRequest : request)(
      url,
      {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        // The token is this machine's own 0600 file, and the connection does not leave the machine.
        ...(secure ? { rejectUnauthorized: false } : {}),
        signal: context.signal,
      },
      (response) => {
        if (!isOfNode(response)) {
          response.resume();
          return resolve(NOT_THERE); // another program has the port by now
        }
        readLines(response, context, progress).then(resolve, reject);
      },
    );
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve(NOT_THERE);
      else if (isCut(error)) resolve(CUT);
      else reject(error);
    });
    sent.end(body);
  });
}

/** Our own node knows the token and the operation, and answers in JSON whatever it says. */
function isOfNode({ statusCode = 0, headers }: IncomingMessage): boolean {
  const type = headers['content-type'] ?? '';
  return statusCode === 200
    ? type.startsWith('application/x-ndjson')
    : ![401, 404, 421].includes(statusCode) && type.startsWith('application/json');
}

/** A node that listens on all addresses is asked on loopback. */
function localAddress(address: string): string {
  const url = new URL(address);
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  if (url.hostname === '[::]') url.hostname = '[::1]';
  return url.href;
}

async function readLines(response: AsyncIterable<Buffer>, context: CommandContext, progress: AnswerProgress): Promise<unknown> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const part of response) {
    rest += decoder.decode(part, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const value = JSON.parse(line) as AnswerLine;
      if (value.progress !== undefined) progress.show(value.progress);
      else if (value.say !== undefined) context.print(printable(value.say));
      else if (value.failure !== undefined) throw toFailure(value.failure);
      else if ('result' in value) return value.result;
      // Any other line only says that the node is still at it.
    }
  }
  // What fails before its first line, and what the listener refuses, is one document without a line's end.
  const refused = rest.trim() === '' ? undefined : (JSON.parse(rest) as AnswerLine).error;
  if (refused !== undefined) {
    const { kind = refused.code === 'bad-request' ? 'usage' : 'failed', code, message, next } = refused;
    throw toFailure({ kind, type: code, message, next });
  }
  throw Object.assign(new Error('the answer ended before its last line'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
}

interface AnswerLine {
  readonly progress?: { readonly done: number; readonly total: number; readonly what: string };
  readonly say?: string;
  readonly failure?: FailureFields;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly kind?: string; readonly next?: string | null };
}

export interface FailureFields {
  readonly kind: string;
  readonly type: string;
  readonly message: string;
  readonly next?: string | null | undefined;
}

export function toFailure(failure: FailureFields): CommandFailure {
  return new CommandFailure(
    KIND_EXIT[failure.kind] ?? EXIT.failed,
    failure.type,
    failure.message,
    failure.next == null ? {} : { next: failure.next },
  );
}
