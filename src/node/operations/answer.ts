import { stream } from 'hono/streaming';
import type { HubContext } from '../../gateways/native/hub-app.ts';
import { DEFAULT_LIMITS } from '../../gateways/native/limits.ts';
import { whenOver } from '../../gateways/native/when-over.ts';
import type { SatchelNode } from '../node.ts';
import { OperationFailure, type FailureKind } from './operation.ts';
import { runOperation } from './run.ts';
import type { OperationName } from './table.ts';

/** What refused before it said anything, as a status. */
const KIND_STATUS = { usage: 400, refused: 403, open: 409, failed: 500, unreachable: 502 } as const satisfies Record<FailureKind, number>;

/** A failure as it is told: `code` is stable, for scripts. */
export interface FailureFields {
  readonly kind: FailureKind;
  readonly type: string;
  readonly message: string;
  readonly next: string | null;
}

/**
 * Runs an operation and answers with its lines as they come. What fails before its first line is answered with a
 * status of 4xx or 5xx and one document, as every other route does. One that says nothing for a while says that it goes
 * on; where nobody hears it any more, it goes on too, unless it heeds its signal.
 */
export async function answerOperation(c: HubContext, node: SatchelNode, name: OperationName, input: unknown): Promise<Response> {
  const [aborted, over] = [new AbortController(), new AbortController()];
  whenOver(c, () => {
    if (over.signal.aborted) return;
    aborted.abort();
    const line = { request: c.env.requestId, operation: name };
    node.log.info(line, 'whoever asked for an operation is gone');
    over.signal.addEventListener('abort', () => node.log.info(line, 'an operation ended that nobody waits for'));
  });
  // Where a machine is so busy that timers run late, a silent connection's may run before the line that would end its silence.
  c.env.outgoing.setTimeout(0); // The next request on the connection has its own time.
  const waiting: unknown[] = [];
  let write = (line: unknown): void => void waiting.push(line);
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const say = (line: unknown): void => {
    write(line);
    begin();
  };
  const ended = runOperation(node, name, input, {
    progress: (done, total, what) => say({ progress: { done, total, what } }),
    say: (line) => say({ say: line }),
    signal: aborted.signal,
  }).then(
    (result) => ({ result }),
    (error: unknown) => ({ failure: failureFields(error, name, node, c) }),
  );
  const last = ended.finally(() => over.abort(null)); // without a reason an error would be made for it, with its stack
  void sayWorking(node, say, over.signal);
  await Promise.race([begun, last]);
  c.header('content-type', 'application/x-ndjson');
  if (waiting.length === 0) {
    const said = await last;
    if ('failure' in said)
      return c.json(
        { error: { code: said.failure.type, ...said.failure } },
        said.failure === STOPPING ? 503 : KIND_STATUS[said.failure.kind],
      );
    return c.body(`${JSON.stringify(said)}\n`); // whole: a stream would take several writes
  }
  return stream(c, async (out) => {
    write = (line) => void out.write(`${JSON.stringify(line)}\n`);
    for (const line of waiting) write(line);
    await out.write(`${JSON.stringify(await last)}\n`);
  });
}

/** A line every quarter of the time after which a silent connection counts as dead, until the signal aborts. */
async function sayWorking({ deps, options }: SatchelNode, say: (line: unknown) => void, over: AbortSignal): Promise<void> {
  const pause = (options.limits?.idleTimeout ?? DEFAULT_LIMITS.idleTimeout) / 4;
  for (;;) {
    await deps.clock.sleep(pause, over);
    if (over.aborted) return;
    say({ working: true });
  }
}

/** A part of the program that is loaded when it is needed is not there any more: another version took its place. */
function isOfReplacedProgram(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND');
}

/** Of what failed while the node closed its stores behind it. */
const STOPPING: FailureFields = {
  kind: 'unreachable',
  type: 'closing',
  message: 'the node was stopped meanwhile',
  next: 'Run it again: what was done is kept',
};

function failureFields(error: unknown, operation: OperationName, node: SatchelNode, { env }: HubContext): FailureFields {
  const request = env.requestId;
  if (error instanceof OperationFailure) {
    // By its type alone: its message may name an item.
    if (KIND_STATUS[error.kind] >= 500) node.log.warn({ request, operation, type: error.type }, 'operation failed');
    return { kind: error.kind, type: error.type, message: error.message, next: error.next ?? null };
  }
  if (isOfReplacedProgram(error)) {
    return {
      kind: 'failed',
      type: 'program-replaced',
      message: 'the program was replaced on the disk since this node started',
      next: 'Stop the node and start it again: satchel up',
    };
  }
  const line = { request, operation, error: error instanceof Error ? error.stack : String(error) };
  if (env.closing.aborted) {
    node.log.warn(line, 'an operation was cut off: the node is stopping');
    return STOPPING;
  }
  node.log.error(line, 'operation failed');
  return { kind: 'failed', type: 'bug', message: `the node failed (request ${request}); its log says more`, next: 'Run: satchel doctor' };
}
