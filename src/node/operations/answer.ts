import { stream } from 'hono/streaming';
import type { HubContext } from '../../gateways/native/hub-app.ts';
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
 * status of 4xx or 5xx and one document, as every other route does.
 */
export async function answerOperation(c: HubContext, node: SatchelNode, name: OperationName, input: unknown): Promise<Response> {
  const aborted = new AbortController();
  whenOver(c, () => aborted.abort());
  const waiting: unknown[] = [];
  let write = (line: unknown): void => void waiting.push(line);
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const say = (line: unknown): void => {
    write(line);
    begin();
  };
  const last = runOperation(node, name, input, {
    progress: (done, total, what) => say({ progress: { done, total, what } }),
    say: (line) => say({ say: line }),
    signal: aborted.signal,
  }).then(
    (result) => ({ result }),
    (error: unknown) => ({ failure: failureFields(error, node, c) }),
  );
  await Promise.race([begun, last]);
  c.header('content-type', 'application/x-ndjson');
  if (waiting.length === 0) {
    const ended = await last;
    if ('failure' in ended)
      return c.json(
        { error: { code: ended.failure.type, ...ended.failure } },
        ended.failure === STOPPING ? 503 : KIND_STATUS[ended.failure.kind],
      );
    return c.body(`${JSON.stringify(ended)}\n`); // whole: a stream would take several writes
  }
  return stream(c, async (out) => {
    write = (line) => void out.write(`${JSON.stringify(line)}\n`);
    for (const line of waiting) write(line);
    await out.write(`${JSON.stringify(await last)}\n`);
  });
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

function failureFields(error: unknown, node: SatchelNode, { env }: HubContext): FailureFields {
  const request = env.requestId;
  if (error instanceof OperationFailure) return { kind: error.kind, type: error.type, message: error.message, next: error.next ?? null };
  if (isOfReplacedProgram(error)) {
    return {
      kind: 'failed',
      type: 'program-replaced',
      message: 'the program was replaced on the disk since this node started',
      next: 'Stop the node and start it again: satchel up',
    };
  }
  const line = { request, error: error instanceof Error ? error.stack : String(error) };
  if (env.closing.aborted) {
    node.log.warn(line, 'an operation was cut off: the node is stopping');
    return STOPPING;
  }
  node.log.error(line, 'operation failed');
  return { kind: 'failed', type: 'bug', message: `the node failed (request ${request}); its log says more`, next: 'Run: satchel doctor' };
}
