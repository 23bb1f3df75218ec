import { createRoute, z } from '@hono/zod-openapi';
import { stream } from 'hono/streaming';
import type { HubApp } from '../../gateways/native/hub-app.ts';
import { ApiError } from '../../gateways/native/api-error.ts';
import type { SatchelNode } from '../node.ts';
import { OperationFailure } from './operation.ts';
import { runOperation } from './run.ts';
import { isOperation, OPERATIONS } from './table.ts';

const INPUT_BYTES = 64 * 1024 * 1024;

const route = createRoute({
  method: 'post',
  path: '/v1/node/{operation}',
  summary: 'What this machine’s commands ask of the node. Needs the token in SATCHEL_HOME/api-token',
  description:
    'The answer is NDJSON: any number of `{"progress":{done,total,what}}` and `{"say":"…"}`, then one of `{"result":…}` and `{"failure":{kind,type,message,next}}`.',
  request: { params: z.object({ operation: z.enum(Object.keys(OPERATIONS) as [string, ...string[]]) }) },
  responses: { 200: { description: 'The lines', content: { 'application/x-ndjson': { schema: z.string() } } } },
});

/** Operations over HTTP, for the thin commands. */
export function operationRoutes(node: SatchelNode): (app: HubApp) => void {
  return (app) => {
    app.openAPIRegistry.registerPath(route);
    app.post('/v1/node/:operation', async (c) => {
      const name = c.req.param('operation');
      if (!isOperation(name)) throw new ApiError('not-found', 'no such operation');
      if (!(c.req.header('content-type') ?? '').startsWith('application/json'))
        throw new ApiError('bad-request', 'the input is JSON: content-type application/json');
      const text = await c.req.text();
      if (text.length > INPUT_BYTES) throw new ApiError('too-large', `the input is longer than ${INPUT_BYTES}`);
      let input: unknown;
      try {
        input = JSON.parse(text);
      } catch {
        throw new ApiError('bad-request', 'the input is not JSON');
      }
      c.header('content-type', 'application/x-ndjson');
      return stream(c, async (out) => {
        const aborted = new AbortController();
        out.onAbort(() => aborted.abort());
        const write = (line: unknown): void => void out.write(`${JSON.stringify(line)}\n`);
        try {
          const result = await runOperation(node, name, input, {
            progress: (done, total, what) => write({ progress: { done, total, what } }),
            say: (line) => write({ say: line }),
            signal: aborted.signal,
          });
          await out.write(`${JSON.stringify({ result })}\n`);
        } catch (error) {
          await out.write(`${JSON.stringify({ failure: failureFields(error, node, c.env.requestId) })}\n`);
        }
      });
    });
  };
}

function failureFields(error: unknown, node: SatchelNode, request: string) {
  if (error instanceof OperationFailure) return { kind: error.kind, type: error.type, message: error.message, next: error.next ?? null };
  node.log.error({ request, error: error instanceof Error ? error.stack : String(error) }, 'operation failed');
  return { kind: 'failed', type: 'bug', message: `the node failed (request ${request}); its log says more`, next: 'Run: satchel doctor' };
}
